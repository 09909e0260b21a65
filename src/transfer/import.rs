//! Import: the Markdown files of a ZIP become notes of the user, with the times of their front matter. The
//! transaction that writes a note records its origin, so a repeated import continues where it was
//! interrupted. A user runs one import at a time.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::archive_fault::ArchiveFault;
use super::lease::ImportLease;
use super::note_file::RefusedFile;
use super::note_place::PlacesError;
use super::note_reader::{NoteBatch, NoteReader};
use super::permission::Permission;
use super::upload_space::{UploadError, UploadedFile};
use crate::db::{Database, DbError};
use crate::domain::{Limit, TenantId, UserId};
use crate::log_context::carry_blocking;
use crate::store::ImportedNote;

/// One archive is checked at a time, as its list of files is in memory then: 25 MB at most.
static CHECK: Semaphore = Semaphore::const_new(1);
/// The batches that are in memory at a time. They are let in as they come, so imports take turns and a long
/// one keeps no other waiting for longer than a batch.
static BATCHES: Semaphore = Semaphore::const_new(4);
/// The time that an import waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(30);
/// The most refused files that a report lists.
const LISTED: usize = 50;

const BIN_IS_FULL: &str = "Your bin has as many notes as it may. Delete some of them for good, then import \
    this ZIP again.";

/// The result of an import.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Report)]
pub struct ImportReport {
    /// The number of notes that were imported.
    pub taken: usize,
    /// The number of notes that were imported before, from this archive or another with the same notes.
    pub known: usize,
    /// The first fifty files that were refused, with the reason.
    pub refused: Vec<RefusedFile>,
    /// The number of files that were refused.
    pub refusals: usize,
    /// Why the import stopped before the end, if a limit was reached. What was imported stays; once there is
    /// room, the same archive continues there.
    pub stopped: Option<&'static str>,
    /// The limit that stopped it.
    #[serde(skip)]
    #[schema(ignore)]
    pub limit: Option<Limit>,
    /// What an archive contains and an import ignores.
    pub left_out: Vec<&'static str>,
}

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive is refused as a whole. Nothing was imported.
    #[error("the archive is refused: {0:?}")]
    Refused(ArchiveFault),
    /// The user has another import, which has not ended.
    #[error("another import of the user runs")]
    AlreadyRunning,
    /// Other users' archives are being read.
    #[error("too many archives are being read")]
    Busy,
    /// The user's login has ended.
    #[error("the login has ended")]
    NotPermitted,
    #[error("the client closed the connection")]
    ClientGone,
    /// There is no space for the archive, or not any more.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The notes that were imported before the failure stay, and a repeated import continues there.
    #[error(transparent)]
    Database(#[from] DbError),
}

impl From<PlacesError> for ImportError {
    fn from(error: PlacesError) -> Self {
        match error {
            PlacesError::Refused(fault) => Self::Refused(fault),
            PlacesError::Upload(cause) => Self::Upload(cause),
        }
    }
}

/// For whom notes are imported, and how long that goes on.
pub struct ImportRequest<'a, P> {
    pub database: &'a Database,
    pub tenant: TenantId,
    pub user: UserId,
    pub permission: P,
    /// Whether the client has closed its connection.
    pub client_is_gone: &'a dyn Fn() -> bool,
}

/// Imports the notes of an archive for a user, who has no other import meanwhile. `arriving` is the upload.
///
/// # Errors
/// See [`ImportError`], or the error of the upload.
pub async fn import<E: From<ImportError>>(
    request: &ImportRequest<'_, impl Permission>,
    arriving: impl Future<Output = Result<UploadedFile, E>>,
) -> Result<ImportReport, E> {
    let lease = ImportLease::take(request.database, request.tenant, request.user).await;
    let lease = lease.map_err(ImportError::from)?.ok_or(ImportError::AlreadyRunning)?;
    let report = match arriving.await {
        Ok(upload) => request.import_upload(upload).await.map_err(E::from),
        Err(error) => Err(error),
    };
    lease.release().await;
    report
}

impl<P: Permission> ImportRequest<'_, P> {
    async fn import_upload(&self, upload: UploadedFile) -> Result<ImportReport, ImportError> {
        let mut report = ImportReport {
            left_out: vec!["earlier texts of notes", "with whom notes are shared", "people and their roles"],
            ..ImportReport::default()
        };
        let ended = self.import_all(upload, &mut report).await;
        if let Err(error) = ended {
            let ImportReport { taken, known, .. } = report;
            log::info!("an import broke off after {taken} new and {known} known notes: {error}");
            return Err(error);
        }
        Ok(report)
    }

    async fn import_all(&self, upload: UploadedFile, report: &mut ImportReport) -> Result<(), ImportError> {
        let mut reader = {
            let _turn = turn(&CHECK).await?;
            self.may_go_on(&upload).await?;
            blocking(move || NoteReader::open(upload)).await??
        };
        let mut bin = BinRoom::default();
        loop {
            let _turn = turn(&BATCHES).await?;
            self.may_go_on(reader.upload()).await?;
            let batch;
            (reader, batch) = blocking(move || {
                let batch = reader.next_batch();
                (reader, batch)
            })
            .await?;
            let NoteBatch { items, more } = batch.map_err(PlacesError::from)?;
            let mut notes = Vec::with_capacity(items.len());
            for item in items {
                item.map_or_else(|refused| report.refuse(refused), |note| notes.push(note));
            }
            self.import_batch(notes, &mut bin, report).await?;
            if !more || report.stopped.is_some() {
                return Ok(());
            }
        }
    }

    /// Asked before each batch: an import may outlive the login, the client and the space that it began with.
    async fn may_go_on(&self, upload: &UploadedFile) -> Result<(), ImportError> {
        if (self.client_is_gone)() {
            return Err(ImportError::ClientGone);
        }
        upload.check()?;
        let permitted = self.permission.is_in_force().await?;
        if permitted { Ok(()) } else { Err(ImportError::NotPermitted) }
    }

    async fn import_batch(
        &self,
        mut notes: Vec<ImportedNote>,
        bin: &mut BinRoom,
        report: &mut ImportReport,
    ) -> Result<(), DbError> {
        if notes.is_empty() {
            return Ok(());
        }
        let origins: Vec<Vec<u8>> = notes.iter().map(|note| note.origin.clone()).collect();
        let known = self.database.tenant(self.tenant).known_origins(self.user, &origins).await?;
        let mut seen = HashSet::new();
        let all = notes.len();
        notes.retain(|note| !known.contains(&note.origin) && seen.insert(note.origin.clone()));
        report.known += all - notes.len();
        if !bin.admit(self, &mut notes).await? {
            report.stopped = Some(BIN_IS_FULL);
        }
        if notes.is_empty() {
            return Ok(());
        }
        match self.database.tenant(self.tenant).import_notes(self.user, &notes).await {
            Ok(()) => report.taken += notes.len(),
            Err(DbError::Taken(_) | DbError::LimitReached(_)) => {
                self.import_one_by_one(&notes, report).await?
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// For an archive that is imported twice at the same time, and for the last notes that a limit allows: a
    /// transaction for each note finds those that can be imported.
    async fn import_one_by_one(
        &self,
        notes: &[ImportedNote],
        report: &mut ImportReport,
    ) -> Result<(), DbError> {
        for note in notes {
            let imported = self.database.tenant(self.tenant);
            match imported.import_notes(self.user, std::slice::from_ref(note)).await {
                Ok(()) => report.taken += 1,
                Err(DbError::Taken(_)) => report.known += 1,
                Err(DbError::LimitReached(limit)) => {
                    (report.stopped, report.limit) = (Some(limit.sentence()), Some(limit));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How many notes an import may still put into the bin, where they count for no limit of notes in use. It is
/// read from the database with the first such note, as a user runs one import at a time.
#[derive(Default)]
struct BinRoom(Option<i64>);

impl BinRoom {
    /// Cuts the notes off before the first one that has no room; false if there is such a note.
    async fn admit<P: Permission>(
        &mut self,
        request: &ImportRequest<'_, P>,
        notes: &mut Vec<ImportedNote>,
    ) -> Result<bool, DbError> {
        let binned = |note: &ImportedNote| note.deleted_at.is_some();
        if !notes.iter().any(binned) {
            return Ok(true);
        }
        let mut room = match self.0 {
            Some(room) => room,
            None => request.database.tenant(request.tenant).room_in_bin(request.user).await?,
        };
        let refused = notes.iter().position(|note| {
            room -= i64::from(binned(note));
            room < 0
        });
        self.0 = Some(room);
        notes.truncate(refused.unwrap_or(notes.len()));
        Ok(refused.is_none())
    }
}

async fn turn(turns: &'static Semaphore) -> Result<SemaphorePermit<'static>, ImportError> {
    match tokio::time::timeout(TURN_TIMEOUT, turns.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(ImportError::Busy),
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ImportError> {
    let done = tokio::task::spawn_blocking(carry_blocking(work)).await;
    done.map_err(|_| ImportError::Refused(ArchiveFault::Unreadable))
}

impl ImportReport {
    fn refuse(&mut self, refused: RefusedFile) {
        self.refusals += 1;
        if self.refused.len() < LISTED {
            self.refused.push(refused);
        }
    }
}
