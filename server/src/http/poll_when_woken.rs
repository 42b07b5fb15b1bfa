//! Polls a future only after it has been woken.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled once, and after that only when its own waker was called, not whenever its task runs. Futures
/// that wait for the whole life of a connection are then not polled for each request, which would take a lock.
pub(super) struct PollWhenWoken<F> {
    future: F,
    flag: Option<Arc<WakeFlag>>,
}

/// The waker given to the future in place of its task's.
struct WakeFlag {
    woken: AtomicBool,
    task: Waker,
}

impl<F> PollWhenWoken<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future, flag: None }
    }
}

impl<F: Future + Unpin> Future for PollWhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let flag = match &this.flag {
            Some(flag) if flag.task.will_wake(context.waker()) => {
                if !flag.woken.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                // Cleared before the poll, so that a wake during the poll causes another one.
                flag.woken.swap(false, Ordering::AcqRel);
                flag
            }
            _ => this
                .flag
                .insert(Arc::new(WakeFlag { woken: AtomicBool::new(false), task: context.waker().clone() })),
        };
        let waker = Waker::from(Arc::clone(flag));
        Pin::new(&mut this.future).poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts its polls.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_future_is_polled_again_only_after_a_wake() {
        let (task, other) = (Arc::<Count>::default(), Arc::<Count>::default());
        let mut polls = 0;
        let mut last_waker: Option<Waker> = None;
        let mut future = PollWhenWoken::new(poll_fn(|context| {
            polls += 1;
            let before = last_waker.replace(context.waker().clone());
            // Wakes itself during its first poll.
            if before.is_none() {
                context.waker().wake_by_ref();
            }
            if polls < 5 { Poll::Pending } else { Poll::Ready(last_waker.clone()) }
        }));
        let mut poll = |task: &Arc<Count>| {
            let waker = Waker::from(Arc::clone(task));
            Pin::new(&mut future).poll(&mut Context::from_waker(&waker))
        };
        assert!(poll(&task).is_pending());
        assert_eq!(task.get(), 1, "its waker was called");
        assert!((0..3).all(|_| poll(&task).is_pending()), "polled twice, because it woke once");
        // Polled by another task: that task has to be registered.
        assert!((0..3).all(|_| poll(&other).is_pending()));
        // Back at the first task: the fourth poll, and the last.
        assert!((0..3).all(|_| poll(&task).is_pending()));
        let Poll::Ready(Some(waker)) = poll(&other) else { panic!("the fifth poll") };
        assert_eq!((task.get(), other.get()), (1, 0));
        waker.wake();
        assert_eq!((task.get(), other.get()), (1, 1), "the last task that polled is woken");
    }
}
