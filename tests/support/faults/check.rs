//! Compares the journal with the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::Report;
use super::writers::{Journal, SharingTenant};
use crate::support::database;

/// Waits until every message is done, for `timeout` at most, and counts.
pub async fn check(url: &str, tenants: &[SharingTenant], journal: &Journal, timeout: Duration) -> Report {
    let admin = database::connect(url).await;
    let deadline = Instant::now() + timeout;
    while open_messages(&admin).await > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let mut report = Report { messages_open: open_messages(&admin).await, ..Report::default() };
    report.messages_failed = count(&admin, "SELECT count(*) FROM outbox WHERE failed_at IS NOT NULL").await;
    report.prepared = wait_for_prepared_transactions(&admin, deadline).await;
    for tenant in tenants {
        check_tenant(&admin, tenant, journal, &mut report).await;
    }
    report
}

async fn open_messages(admin: &Client) -> usize {
    count(admin, "SELECT count(*) FROM outbox WHERE acknowledged_at IS NULL AND failed_at IS NULL").await
}

/// Citus resolves prepared transactions of a crash within a minute.
async fn wait_for_prepared_transactions(admin: &Client, deadline: Instant) -> usize {
    loop {
        let prepared = count(admin, "SELECT count(*) FROM pg_prepared_xacts").await;
        if prepared == 0 || Instant::now() > deadline {
            return prepared;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn count(admin: &Client, sql: &str) -> usize {
    let number: i64 = admin.query_one(sql, &[]).await.expect(sql).get(0);
    usize::try_from(number).expect("a count")
}

async fn check_tenant(admin: &Client, tenant: &SharingTenant, journal: &Journal, report: &mut Report) {
    let mut notes: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let sql = "SELECT content, id FROM notes WHERE tenant_id = $1";
    for row in admin.query(sql, &[&tenant.tenant]).await.expect(sql) {
        notes.entry(row.get(0)).or_default().push(row.get(1));
    }
    let sql = "SELECT note_id, recipient_id FROM shared_notes WHERE tenant_id = $1";
    let mut shares: BTreeSet<(i64, i64)> = admin
        .query(sql, &[&tenant.tenant])
        .await
        .expect(sql)
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    report.shares += shares.len();
    for ids in notes.values() {
        for (id, reader) in ids.iter().flat_map(|id| tenant.readers.iter().map(move |reader| (*id, *reader)))
        {
            report.shares_missing += usize::from(!shares.remove(&(id, reader)));
        }
    }
    report.shares_unexpected += shares.len();
    let entries = journal.entries.lock().expect("the journal");
    for (_, text, acknowledged) in entries.iter().filter(|(id, ..)| *id == tenant.tenant) {
        let written = notes.remove(text).map_or(0, |ids| ids.len());
        report.attempted += 1;
        report.duplicated += usize::from(written > 1);
        if *acknowledged {
            report.acknowledged += 1;
            report.lost += usize::from(written == 0);
        } else {
            report.unknown += 1;
            report.unknown_written += usize::from(written > 0);
        }
    }
    report.unexpected += notes.len();
}
