# The program and nothing else on Debian's small image: about 21 MB on top of it. It runs as an account without
# rights, writes to /var/lib/pigeonhole and nowhere else, and is its own health check.

ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
# The allocator is C, and is built with make. Debian keeps no older version that could be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# The dependencies alone, in a layer that stays until Cargo.toml or Cargo.lock change. The program is empty
# here, and the tests and benches that Cargo.toml names are missing: cargo reads the files of what it builds, and
# of nothing else.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin pigeonhole \
    && rm -r src

COPY migrations migrations
COPY templates templates
COPY static static
COPY src src
# What the console and /metrics call the commit.
ARG REVISION=unknown
# Newer than the empty files, so that cargo sees the change whatever the files' own times are.
RUN touch src/lib.rs src/main.rs \
    && PIGEONHOLE_COMMIT="${REVISION}" cargo build --release --locked --bin pigeonhole \
    && strip target/release/pigeonhole

# What the secrets' volumes look like before there are any: a new volume takes the owner and mode of the folder here.
RUN mkdir -p /layout/secrets/nodes /layout/secrets/web /layout/secrets/worker /layout/secrets/broker /layout/data \
    && chown -R 10001:10001 /layout/secrets /layout/data \
    && chmod 750 /layout/secrets/* /layout/data

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Pigeonhole" \
      org.opencontainers.image.description="Notes for many organizations at once, on Citus (distributed PostgreSQL)" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT"

RUN groupadd --system --gid 10001 pigeonhole \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/pigeonhole --no-create-home \
       --shell /usr/sbin/nologin pigeonhole
COPY --from=build --chown=10001:10001 /layout/secrets /secrets
COPY --from=build --chown=10001:10001 /layout/data /var/lib/pigeonhole
COPY --from=build /build/target/release/pigeonhole /usr/local/bin/pigeonhole

# With the list of crates, if bin/sbom has written it. A COPY needs one file that is there.
COPY LICENSE sbom*/*.json /usr/share/doc/pigeonhole/

USER 10001:10001
WORKDIR /var/lib/pigeonhole
ENV BIND=0.0.0.0:5000 \
    DATA_DIR=/var/lib/pigeonhole
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["pigeonhole", "check"]
ENTRYPOINT ["pigeonhole"]
CMD ["serve"]
