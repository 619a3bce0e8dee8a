//! One thread for what goes on beside requests: auto-advance, the timers of namespaces.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// A thread with a runtime, started when it is first needed. Dropped, it ends all that runs on it and waits for the thread.
#[derive(Default)]
pub struct Background(Mutex<Option<Running>>);

struct Running {
    runtime: Handle,
    /// Dropped, it ends the thread.
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    fn start() -> io::Result<Running> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("kew-control".to_owned());
        let thread = thread.spawn(move || {
            // Nothing is ever sent: the end is that the sender is dropped.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Running { runtime: handle, end, thread })
    }
}

impl Background {
    /// Runs a task until it is over, it is aborted, or the server ends.
    ///
    /// # Errors
    /// When the thread cannot be had.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<AbortHandle> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let running = match &mut *running {
            Some(running) => running,
            none => none.insert(Running::start()?),
        };
        Ok(running.runtime.spawn(task).abort_handle())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let running = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(Running { end, thread, .. }) = running.take() else { return };
        drop(end);
        // A task that holds the last of what it works on ends the thread from within.
        if thread.thread().id() != std::thread::current().id() {
            // A panic has been reported by the thread itself.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc;

    #[test]
    fn a_task_runs_beside_its_caller_and_ends_with_the_thread() {
        let background = Background::default();
        let (told, heard) = mpsc::channel();
        background.spawn(async move { told.send(1).unwrap() }).unwrap();
        assert_eq!(heard.recv(), Ok(1));
        let held = Arc::new(());
        let inside = held.clone();
        background
            .spawn(async move {
                std::future::pending::<()>().await;
                drop(inside);
            })
            .unwrap();
        drop(background);
        assert_eq!(Arc::strong_count(&held), 1, "what the task held is let go of");
    }

    #[test]
    fn a_task_may_hold_the_last_of_its_thread() {
        let background = Arc::new(Background::default());
        let (go, gone) = (oneshot::channel::<()>(), mpsc::channel());
        let inside = background.clone();
        let told = gone.0;
        background
            .spawn(async move {
                let _ = go.1.await;
                drop(inside);
                told.send(()).unwrap();
            })
            .unwrap();
        drop(background);
        go.0.send(()).unwrap();
        assert_eq!(gone.1.recv(), Ok(()));
    }
}
