//! Somebody at the console who does something to the cluster. It is done in a task of its own, which goes on
//! when the browser has gone, as the user of DATABASE_URL, and written down with the address that it came
//! from.

use std::future::{Ready, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, rt, web};
use tokio::time::timeout;
use tokio_postgres::Config;

use super::console::Console;
use super::errors::Failure;
use crate::cluster::{ClusterError, NodeConnection};
use crate::web::Error;

/// How long a page waits for a plan.
const PLANNING: Duration = Duration::from_secs(10);
/// How long a page waits for what was begun.
const DOING: Duration = Duration::from_secs(15);

/// The operator of this request.
#[derive(Clone)]
pub struct Operator {
    /// How to connect.
    pub config: Config,
    /// How long the coordinator may take to let us in.
    patience: Duration,
    who: String,
}

impl Operator {
    async fn session(&self) -> Result<NodeConnection, ClusterError> {
        match timeout(self.patience, NodeConnection::coordinator(&self.config)).await {
            Ok(session) => Ok(session?.on_behalf_of(&self.who)),
            Err(_) => Err(ClusterError::Timeout {
                what: "connecting to the coordinator".to_owned(),
                timeout: self.patience,
            }),
        }
    }

    /// Plans what `pigeonhole cluster` would do with `command`, which is named where this program may not.
    ///
    /// # Errors
    /// What stands in the way.
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
        match timeout(PLANNING, planning).await {
            Ok(planned) => Ok(planned?),
            Err(_) => Err(Failure::Cluster(ClusterError::Obstacle(format!(
                "There was no plan within {} seconds, and nothing was changed. The verdicts say whether a \
                 node is slow; `pigeonhole cluster {command}` waits longer.",
                PLANNING.as_secs()
            )))),
        }
    }

    /// Does something and gives what is to be said of it; when it takes long, it goes on and the page does
    /// not wait.
    ///
    /// # Errors
    /// What stood in the way.
    pub async fn act(
        &self,
        work: impl AsyncFnOnce(&NodeConnection) -> Result<String, ClusterError> + 'static,
    ) -> Result<String, Failure> {
        let operator = self.clone();
        let task = rt::spawn(async move { work(&operator.session().await?).await });
        match timeout(DOING, task).await {
            Ok(Ok(done)) => Ok(done?),
            Ok(Err(error)) => Err(Failure::Web(Error::Internal("waiting for an operation", error.into()))),
            Err(_) => {
                Ok("This takes its time and goes on. The list of events will say how it ended.".to_owned())
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
        let from = request.peer_addr().map_or_else(|| "?".to_owned(), |address| address.ip().to_string());
        let (config, patience) = (console.config.clone(), console.settings.node_patience * 4 / 3);
        ready(Ok(Self { config, patience, who: format!("console, {from}") }))
    }
}
