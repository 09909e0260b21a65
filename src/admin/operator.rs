//! Actions of an operator on the cluster. An action runs in a task of its own, which continues when the
//! browser disconnects, as the user of DATABASE_URL; the list of events has the operator's address.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, rt, web};
use tokio::time::timeout;
use tokio_postgres::Config;

use super::console::Console;
use super::errors::Failure;
use crate::cluster::{ClusterError, NodeConnection};
use crate::log_context::carry;
use crate::web::Error;

/// How long a page waits for a plan.
const PLAN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a page waits for an action, which continues afterwards.
const ACTION_TIMEOUT: Duration = Duration::from_secs(15);

/// The operator of this request.
#[derive(Clone)]
pub struct Operator {
    pub config: Config,
    /// For connecting to the coordinator.
    timeout: Duration,
    /// The operator in the list of events.
    name: String,
}

impl Operator {
    /// The same operator, who acts by connections with these settings.
    #[must_use]
    pub fn connecting_as(self, config: Config) -> Self {
        Self { config, ..self }
    }

    async fn session(&self) -> Result<NodeConnection, ClusterError> {
        match timeout(self.timeout, NodeConnection::coordinator(&self.config)).await {
            Ok(session) => Ok(session?.on_behalf_of(&self.name)),
            Err(_) => Err(ClusterError::Timeout {
                what: "connecting to the coordinator".to_owned(),
                timeout: self.timeout,
            }),
        }
    }

    /// Plans an action; `command` is the subcommand of `pigeonhole cluster` that does the same, for messages.
    ///
    /// # Errors
    /// [`Failure`] when the action is not possible or there is no plan in time.
    pub async fn plan<T>(
        &self,
        command: &str,
        work: impl AsyncFnOnce(&NodeConnection) -> Result<T, ClusterError>,
    ) -> Result<T, Failure> {
        let planning = async {
            let session = self.session().await?;
            session.require_operator(command).await?;
            work(&session).await
        };
        match timeout(PLAN_TIMEOUT, planning).await {
            Ok(planned) => Ok(planned?),
            Err(_) => Err(Failure::Cluster(ClusterError::Obstacle(format!(
                "There was no plan within {} seconds, and nothing was changed. The verdicts say whether a \
                 node is slow; `pigeonhole cluster {command}` waits longer.",
                PLAN_TIMEOUT.as_secs()
            )))),
        }
    }

    /// Runs an action and returns its result in words. After 15 seconds the page stops waiting, and the
    /// action continues.
    ///
    /// # Errors
    /// [`Failure`] of the action.
    pub async fn act(
        &self,
        work: impl AsyncFnOnce(&NodeConnection) -> Result<String, ClusterError> + 'static,
    ) -> Result<String, Failure> {
        let operator = self.clone();
        let task = rt::spawn(carry(async move { work(&operator.session().await?).await }));
        match timeout(ACTION_TIMEOUT, task).await {
            Ok(Ok(done)) => Ok(done?),
            Ok(Err(error)) => Err(Failure::Web(Error::Internal("waiting for an operation", error.into()))),
            Err(_) => {
                Ok("This takes longer and continues. The list of events will say how it ended.".to_owned())
            }
        }
    }
}

impl FromRequest for Operator {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(console) = request.app_data::<web::Data<Console>>() else {
            return ready(Err(Error::Internal(
                "finding the console's state",
                "it was not registered".into(),
            )));
        };
        let address = request.peer_addr().map_or_else(|| "?".to_owned(), |address| address.ip().to_string());
        let (config, timeout) = (console.config.clone(), console.settings.cluster.node_timeout * 4 / 3);
        ready(Ok(Self { config, timeout, name: format!("console, {address}") }))
    }
}
