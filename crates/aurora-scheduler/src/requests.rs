//! Requests of users on their way to the core and back: who waits for which reply.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler_core::effect::Reply;
use scheduler_core::input::{Change, Input, Request, RequestId};
use tokio::sync::oneshot;

use crate::queue::InputSender;

type Waiting = HashMap<RequestId, oneshot::Sender<Reply>>;

/// Why a request got no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It was not taken, and nothing of it happened.
    #[error("the scheduler is stopping; nothing was changed, try again when it is back")]
    NotTaken,
    /// It was taken, but the scheduler ended before it could say what came of it.
    #[error("the scheduler ended before the change was known to be durable; look whether it took effect")]
    Unknown,
}

/// Submits requests and answers them. Cheap to clone; all clones share who waits.
#[derive(Clone, Debug)]
pub struct Requests {
    inputs: InputSender,
    waiting: Arc<Mutex<Waiting>>,
    next: Arc<AtomicU64>,
}

impl Requests {
    /// Requests go to this queue.
    pub fn new(inputs: InputSender) -> Self {
        Self { inputs, waiting: Arc::default(), next: Arc::default() }
    }

    // Each change is one call on the map, so a panic elsewhere leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a change, and waits until it is durable or refused.
    ///
    /// # Errors
    /// The scheduler is ending.
    pub async fn submit(&self, user: Arc<str>, change: Change) -> Result<Reply, RequestError> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        self.lock().insert(id, sender);
        if self.inputs.send(Input::Request(Request { id, user, change })).await.is_err() {
            self.lock().remove(&id);
            return Err(RequestError::NotTaken);
        }
        receiver.await.map_err(|_| RequestError::Unknown)
    }

    /// Hands the reply to whoever waits for it, if somebody still does.
    pub fn answer(&self, id: RequestId, reply: Reply) {
        if let Some(sender) = self.lock().remove(&id) {
            // A client that hung up does not need its answer.
            let _ = sender.send(reply);
        }
    }

    /// Tells all who wait that no reply will come.
    pub fn abandon(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::ids::JobKey;

    use super::*;
    use crate::queue::input_queue;

    fn kill() -> Change {
        let job = JobKey::new("r", "e", "n").unwrap();
        Change::KillTasks { job, instances: None, message: None }
    }

    #[tokio::test]
    async fn a_reply_reaches_its_request() {
        let (sender, receiver) = input_queue();
        let requests = Requests::new(sender);
        let mut waiting = Box::pin(requests.submit(Arc::from("u"), kill()));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let Some(Input::Request(request)) = receiver.take_all(None).unwrap().pop_front() else {
            panic!("no request arrived");
        };
        requests.answer(request.id, Reply::Done(vec!["ok".to_owned()]));
        requests.answer(request.id, Reply::Done(Vec::new()));
        assert_eq!(waiting.await, Ok(Reply::Done(vec!["ok".to_owned()])));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_scheduler_that_is_gone() {
        let (sender, receiver) = input_queue();
        let requests = Requests::new(sender);
        let mut waiting = Box::pin(requests.submit(Arc::from("u"), kill()));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(receiver);
        requests.abandon();
        assert_eq!(waiting.await, Err(RequestError::Unknown));
        assert_eq!(requests.submit(Arc::from("u"), kill()).await, Err(RequestError::NotTaken));
    }
}
