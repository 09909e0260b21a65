//! Builds an HTTP server from an application, as `HttpServer` of actix-web does, with streams of our own.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config,
};
use actix_web::body::{BodySize, BoxBody, MessageBody, to_bytes};
use actix_web::dev::{AppConfig, Server};
use actix_web::http::{ConnectionType, Version, header};
use actix_web::rt::net::TcpStream;
use actix_web::web;

use super::exchange::{AnswerBody, Exchange, RequestBody};
use super::refusal;
use super::registry::Connections;
use super::stream::GuardedStream;
use crate::web::held_body::HeldReservation;
use crate::web::memory_budget::MemoryBudget;
use crate::web::site::Site;

/// The dispatcher has no deadline for a head: the stream has one for each.
const NO_HEAD_TIMEOUT: Duration = Duration::ZERO;
/// The time that a client may take to close its side of a connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that the system may hold for a reader beyond those that are on their way to it. Without this limit
/// it keeps some megabytes for each.
const UNSENT_LIMIT: u32 = 128 * 1024;
/// Bytes of an answer that the dispatcher collects before it writes them.
const WRITE_BUFFER: usize = 16 * 1024;
/// AcceptedStream connections that wait for a decision of [`Connections`], beyond the limit of open ones.
const UNDECIDED: usize = 64;

/// How a server runs.
#[derive(Clone, Copy, Debug)]
pub struct ServerTimes {
    /// The number of threads; none for one on each core.
    pub threads: Option<usize>,
    /// The time that an idle connection is kept open.
    pub keep_alive: Duration,
    /// Seconds that requests in flight have at a stop.
    pub shutdown_timeout: u64,
}

impl ServerTimes {
    fn threads(self) -> io::Result<usize> {
        self.threads.map_or_else(|| Ok(std::thread::available_parallelism()?.get().min(512)), Ok)
    }
}

/// Builds the server of an application, which `factory` makes once for each thread.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve<F, I, S, B>(
    listener: TcpListener,
    times: ServerTimes,
    connections: Arc<Connections>,
    site: web::Data<Site>,
    factory: F,
) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    S::Service: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    let threads = times.threads()?;
    let builder = Server::build()
        .workers(threads)
        .max_concurrent_connections(connections.limits().total.saturating_add(UNDECIDED).div_ceil(threads))
        .shutdown_timeout(times.shutdown_timeout)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let address = listener.local_addr()?;
    let service = move || {
        let (stopping, site, connections) = (stopping.clone(), site.clone(), connections.clone());
        let budget = site.budget.clone();
        let application = factory().into_factory().map_err(|error| error.into().error_response());
        let application = map_config(application, |()| AppConfig::default());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(times.keep_alive)
            .client_request_timeout(NO_HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .local_addr(address)
            .h1_write_buffer_size(WRITE_BUFFER)
            .on_connect_ext(GuardedStream::share_exchange)
            .h1(apply_fn_factory(application, move |request: Request, application: &_| {
                answer(request, application, &site)
            }));
        fn_service(move |socket| std::future::ready(accept(socket, &connections, &budget))).and_then(http)
    };
    Ok(builder.listen(format!("http-{address}"), listener, service)?.run())
}

type AcceptedStream = (GuardedStream, Option<SocketAddr>);

fn accept(
    socket: TcpStream,
    connections: &Arc<Connections>,
    budget: &Arc<MemoryBudget>,
) -> Result<AcceptedStream, DispatchError> {
    let peer = socket.peer_addr()?;
    let admitted =
        connections.admit(peer.ip()).ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
    // An answer longer than WRITE_BUFFER goes out in several writes. By default the system keeps the last one
    // back until the client acknowledges those before it, which clients delay by 40 ms.
    let _ = socket.set_nodelay(true);
    let _ = socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_LIMIT);
    Ok((GuardedStream::new(socket, admitted, budget.clone()), Some(peer)))
}

/// Answers a request by the application, or refuses its head.
fn answer<A, B>(
    mut request: Request,
    application: &A,
    site: &web::Data<Site>,
) -> impl Future<Output = Result<Response<AnswerBody>, A::Error>> + use<A, B>
where
    A: Service<Request, Response: Into<Response<B>>, Error: Into<Response<BoxBody>>, Future: 'static>,
    B: MessageBody + 'static,
{
    let version = request.version();
    let exchange = request.conn_data::<Rc<Exchange>>().cloned();
    let answering = match exchange.as_ref().and_then(|exchange| exchange.take_refusal()) {
        Some(status) => {
            let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
            Err(refusal::answer(status, site, peer))
        }
        None => {
            if let Some(exchange) = &exchange {
                RequestBody::watch(&mut request, exchange);
            }
            Ok(application.call(request))
        }
    };
    async move {
        let response = match answering {
            Err(refused) => Response::from(refused).map_into_boxed_body(),
            Ok(answering) => match answering.await {
                Ok(response) => response.into().map_into_boxed_body(),
                Err(error) => error.into(),
            },
        };
        Ok(complete(compressed(response).await, version, exchange))
    }
}

/// Compresses a body whole, if it is compressed. Its compressor would else be kept until the client has read.
async fn compressed(response: Response<BoxBody>) -> Response<BoxBody> {
    let is_compressed = response.headers().contains_key(header::CONTENT_ENCODING);
    if !is_compressed || response.body().size() != BodySize::Stream {
        return response;
    }
    let mut body = None;
    let response = response.map_body(|_, inner| body = Some(inner));
    match to_bytes(body.unwrap_or_else(|| BoxBody::new(()))).await {
        Ok(bytes) => response.set_body(BoxBody::new(bytes)),
        Err(_) => Response::internal_server_error().map_into_boxed_body(),
    }
}

/// The body of an answer as the dispatcher gets it.
fn complete(
    mut response: Response<BoxBody>,
    version: Version,
    exchange: Option<Rc<Exchange>>,
) -> Response<AnswerBody> {
    let held = response.extensions_mut().remove::<HeldReservation>();
    let mut response = response.map_body(|_, body| AnswerBody::new(body, held, exchange));
    if version < Version::HTTP_11 && response.body().size() == BodySize::Stream {
        // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}
