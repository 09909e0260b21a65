//! The disk that uploads, and long lists of files, hold in this process. Clients and tenants share it as they
//! share the memory for bodies: a quarter at most, and when all is held, a client that holds less takes from
//! those that hold more.

use std::sync::Arc;
use std::task::Waker;

use actix_web::HttpRequest;

use super::client_address::client_address_of;
use super::context::Context;
use super::current_user::CurrentUser;
use super::memory_budget::{BudgetRefusal, MemoryRevocation, Reservation};
use crate::domain::ClientNetwork;
use crate::transfer::{DiskQuota, UploadError};

/// What one upload, or one list, holds.
#[derive(Debug)]
pub struct UploadQuota {
    bytes: Reservation,
    revocation: Option<Arc<MemoryRevocation>>,
}

impl UploadQuota {
    /// The quota of an upload, which gives way to clients that hold less.
    pub fn of_upload(request: &HttpRequest, user: &CurrentUser, context: &Context) -> Box<Self> {
        let mut quota = Self::of_list(request, user, context);
        quota.revocation = Some(quota.bytes.allow_revocation());
        quota
    }

    /// The quota of an export's list.
    pub fn of_list(request: &HttpRequest, user: &CurrentUser, context: &Context) -> Box<Self> {
        let client = ClientNetwork::of(client_address_of(request));
        let bytes = context.upload_budget.reservation(client, Some(user.tenant.tenant()));
        Box::new(Self { bytes, revocation: None })
    }
}

impl DiskQuota for UploadQuota {
    fn resize(&mut self, bytes: u64) -> Result<(), UploadError> {
        self.bytes.resize(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(|refusal| match refusal {
            BudgetRefusal::TooLarge => UploadError::TooLarge,
            BudgetRefusal::Exhausted => UploadError::NoSpace,
        })
    }

    fn is_given_up(&self, task: &Waker) -> bool {
        self.revocation.as_ref().is_some_and(|revocation| revocation.is_revoked(task))
    }
}
