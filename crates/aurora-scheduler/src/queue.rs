//! The one queue of inputs, between everyone who has something to tell and the driver's thread.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scheduler_core::input::Input;
use tokio::sync::Semaphore;

/// Inputs that may wait. When it is full, senders wait: API calls take longer, and the Mesos session stops reading, so
/// that the master holds back.
pub const INPUTS_MAX: usize = 16_384;

/// The driver takes no inputs any more: the scheduler is stopping, or has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the scheduler is stopping")]
pub struct QueueClosed;

#[derive(Debug)]
struct Waiting {
    inputs: VecDeque<Input>,
    /// How many of `inputs` took a permit.
    counted: usize,
    is_closed: bool,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: Semaphore,
}

/// Sends inputs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InputSender {
    shared: Arc<Shared>,
}

/// Takes inputs; there is one.
#[derive(Debug)]
pub struct InputReceiver {
    shared: Arc<Shared>,
}

/// Makes the queue.
pub fn input_queue() -> (InputSender, InputReceiver) {
    let waiting = Waiting { inputs: VecDeque::new(), counted: 0, is_closed: false };
    let shared = Arc::new(Shared {
        waiting: Mutex::new(waiting),
        arrived: Condvar::new(),
        room: Semaphore::new(INPUTS_MAX),
    });
    (InputSender { shared: Arc::clone(&shared) }, InputReceiver { shared })
}

impl Shared {
    // A panic while the lock is held cannot leave the queue half changed: each change is one call.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.room.close();
        self.arrived.notify_all();
    }
}

impl InputSender {
    /// Queues an input, waiting for room.
    ///
    /// # Errors
    /// The driver takes no more.
    pub async fn send(&self, input: Input) -> Result<(), QueueClosed> {
        let permit = self.shared.room.acquire().await.map_err(|_| QueueClosed)?;
        let mut waiting = self.shared.lock();
        if waiting.is_closed {
            return Err(QueueClosed);
        }
        permit.forget();
        waiting.inputs.push_back(input);
        waiting.counted += 1;
        self.shared.arrived.notify_one();
        Ok(())
    }

    /// Queues an input in any case. For the driver's own thread, which must not wait for itself.
    pub fn send_now(&self, input: Input) {
        self.shared.lock().inputs.push_back(input);
        self.shared.arrived.notify_one();
    }

    /// Takes no more inputs; those that wait are still handled.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl InputReceiver {
    /// Waits for inputs, at most this long, and takes all. `None` when the queue is closed and empty.
    pub fn take_all(&self, timeout: Option<Duration>) -> Option<VecDeque<Input>> {
        let mut waiting = self.shared.lock();
        let is_idle = |waiting: &mut Waiting| waiting.inputs.is_empty() && !waiting.is_closed;
        waiting = match timeout {
            Some(timeout) => {
                let waited = self.shared.arrived.wait_timeout_while(waiting, timeout, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.shared.arrived.wait_while(waiting, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        if waiting.inputs.is_empty() && waiting.is_closed {
            return None;
        }
        self.shared.room.add_permits(std::mem::take(&mut waiting.counted));
        Some(std::mem::take(&mut waiting.inputs))
    }
}

// Senders must not wait for a driver that is gone, whatever ended it.
impl Drop for InputReceiver {
    fn drop(&mut self) {
        self.shared.close();
    }
}

#[cfg(test)]
mod tests {
    use scheduler_core::effect::TimerKey;

    use super::*;

    fn input(group: u64) -> Input {
        Input::Timer(TimerKey::ScheduleGroup(group))
    }

    #[tokio::test]
    async fn inputs_are_taken_together_in_order() {
        let (sender, receiver) = input_queue();
        for group in 0..3 {
            sender.send(input(group)).await.unwrap();
        }
        sender.send_now(input(3));
        let taken = receiver.take_all(None).unwrap();
        let groups: Vec<_> = taken.iter().map(|input| format!("{input:?}")).collect();
        assert_eq!(groups.len(), 4);
        assert!(groups[3].contains("ScheduleGroup(3)"));
        assert!(receiver.take_all(Some(Duration::ZERO)).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_full_queue_makes_senders_wait_until_it_is_emptied() {
        let (sender, receiver) = input_queue();
        for group in 0..INPUTS_MAX as u64 {
            sender.send(input(group)).await.unwrap();
        }
        let mut late = Box::pin(sender.send(input(0)));
        assert!(futures_util::poll!(&mut late).is_pending());
        sender.send_now(input(1));
        assert_eq!(receiver.take_all(None).unwrap().len(), INPUTS_MAX + 1);
        late.await.unwrap();
        assert_eq!(receiver.take_all(None).unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_closed_queue_is_emptied_first() {
        let (sender, receiver) = input_queue();
        sender.send(input(1)).await.unwrap();
        sender.close();
        assert_eq!(sender.send(input(2)).await, Err(QueueClosed));
        assert_eq!(receiver.take_all(None).unwrap().len(), 1);
        assert!(receiver.take_all(None).is_none());
    }

    #[tokio::test]
    async fn a_driver_that_is_gone_refuses_senders() {
        let (sender, receiver) = input_queue();
        drop(receiver);
        assert_eq!(sender.send(input(1)).await, Err(QueueClosed));
    }
}
