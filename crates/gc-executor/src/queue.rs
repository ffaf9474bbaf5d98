//! Which request is carried out: one at a time, and only the newest of those that wait (`spec/thermos.md` §6.2).

use mesos_v1::messages::TaskState;

/// What has to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// Tell the agent how a request ended.
    Tell {
        /// The request's task.
        task: String,
        /// Its end.
        state: TaskState,
        /// In words.
        message: &'static str,
    },
    /// Carry out a request.
    Begin(T),
    /// End, once everything told is taken.
    Stop,
}

/// The requests of an agent's life.
#[derive(Debug)]
pub struct Queue<T> {
    running: Option<String>,
    waiting: Option<(String, T)>,
    is_stopping: bool,
    dropped: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { running: None, waiting: None, is_stopping: false, dropped: 0 }
    }
}

impl<T> Queue<T> {
    /// A request came; none when it could not be read.
    pub fn on_launch(&mut self, task: &str, request: Option<T>) -> Vec<Step<T>> {
        if self.is_stopping {
            return vec![tell(task, TaskState::TaskFailed, "GC Executor is shutting down.")];
        }
        let is_known = |known: Option<&str>| known == Some(task);
        if is_known(self.running.as_deref()) || is_known(self.waiting.as_ref().map(|(id, _)| id.as_str())) {
            return Vec::new();
        }
        let Some(request) = request else {
            return vec![tell(task, TaskState::TaskFailed, "Deserialization of GC task failed")];
        };
        if self.running.is_none() {
            self.running = Some(task.to_owned());
            return vec![Step::Begin(request)];
        }
        let before = self.waiting.replace((task.to_owned(), request));
        let skipped = before.map(|(id, _)| {
            self.dropped += 1;
            let message = "Garbage collection skipped - GC executor received another task";
            tell(&id, TaskState::TaskFinished, message)
        });
        skipped.into_iter().collect()
    }

    /// The request that was carried out is done.
    pub fn on_done(&mut self) -> Vec<Step<T>> {
        let done = self.running.take();
        let mut steps: Vec<Step<T>> = done
            .into_iter()
            .map(|id| tell(&id, TaskState::TaskFinished, "Garbage collection finished."))
            .collect();
        if let Some((task, request)) = self.waiting.take() {
            self.running = Some(task);
            steps.push(Step::Begin(request));
        }
        steps
    }

    /// Somebody takes a request back. One that waits is dropped without a word; one that is under way goes on.
    pub fn on_kill(&mut self, task: &str) {
        if self.waiting.as_ref().is_some_and(|(id, _)| id == task) {
            self.waiting = None;
            self.dropped += 1;
        }
    }

    /// The executor is to end.
    pub fn on_shutdown(&mut self) -> Vec<Step<T>> {
        if std::mem::replace(&mut self.is_stopping, true) {
            return Vec::new();
        }
        let skipped = self.waiting.take().map(|(id, _)| {
            self.dropped += 1;
            let message = "Garbage collection skipped - GC executor shutting down";
            tell(&id, TaskState::TaskFinished, message)
        });
        skipped.into_iter().chain([Step::Stop]).collect()
    }

    /// Whether nothing is under way.
    pub const fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    /// Requests that were never carried out.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn tell<T>(task: &str, state: TaskState, message: &'static str) -> Step<T> {
    Step::Tell { task: task.to_owned(), state, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn th_159_only_the_newest_request_waits() {
        let mut queue: Queue<u8> = Queue::default();
        assert_eq!(queue.on_launch("A", Some(1)), [Step::Begin(1)]);
        assert_eq!(queue.on_launch("B", Some(2)), []);
        let skipped = "Garbage collection skipped - GC executor received another task";
        assert_eq!(queue.on_launch("C", Some(3)), [tell("B", TaskState::TaskFinished, skipped)]);
        queue.on_kill("C");
        queue.on_kill("A");
        assert_eq!(queue.on_shutdown(), [Step::Stop], "nothing is told of A, which is under way");
        assert_eq!(queue.on_shutdown(), []);
        let refused = [tell("D", TaskState::TaskFailed, "GC Executor is shutting down.")];
        assert_eq!(queue.on_launch("D", Some(4)), refused);
        assert_eq!(queue.dropped(), 2);
    }

    #[test]
    fn requests_follow_one_another() {
        let mut queue: Queue<u8> = Queue::default();
        assert!(queue.is_idle());
        let unreadable = [tell("X", TaskState::TaskFailed, "Deserialization of GC task failed")];
        assert_eq!(queue.on_launch("X", None), unreadable);
        queue.on_launch("A", Some(1));
        assert_eq!(queue.on_launch("A", Some(1)), [], "the same again changes nothing");
        queue.on_launch("B", Some(2));
        assert_eq!(queue.on_launch("B", Some(2)), []);
        let done = |task: &str| tell(task, TaskState::TaskFinished, "Garbage collection finished.");
        assert_eq!(queue.on_done(), [done("A"), Step::Begin(2)]);
        assert_eq!(queue.on_done(), [done("B")]);
        assert!(queue.is_idle());
        queue.on_launch("C", Some(3));
        queue.on_launch("D", Some(4));
        let skipped = "Garbage collection skipped - GC executor shutting down";
        assert_eq!(queue.on_shutdown(), [tell("D", TaskState::TaskFinished, skipped), Step::Stop]);
    }
}
