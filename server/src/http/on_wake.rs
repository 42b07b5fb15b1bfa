//! What a task looks at only when it has been woken for it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future that is polled first, and then only when it was woken itself, not whenever its task is: what a connection waits
/// for all its life need not be asked for each request, which takes a lock.
pub(super) struct OnWake<F> {
    future: F,
    bell: Option<Arc<Bell>>,
}

/// What the future has woken, in place of its task.
struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl<F> OnWake<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future, bell: None }
    }
}

impl<F: Future + Unpin> Future for OnWake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let bell = match &this.bell {
            Some(bell) if bell.task.will_wake(context.waker()) => {
                if !bell.rung.load(Ordering::Relaxed) {
                    return Poll::Pending;
                }
                // Before the look: who rings during it is heard by the next one.
                bell.rung.swap(false, Ordering::AcqRel);
                bell
            }
            _ => this
                .bell
                .insert(Arc::new(Bell { rung: AtomicBool::new(false), task: context.waker().clone() })),
        };
        let waker = Waker::from(Arc::clone(bell));
        Pin::new(&mut this.future).poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Counts how often it is woken.
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
    fn what_was_not_woken_is_not_looked_at_again() {
        let (task, other) = (Arc::<Count>::default(), Arc::<Count>::default());
        let mut looks = 0;
        let mut theirs: Option<Waker> = None;
        let mut future = OnWake::new(poll_fn(|context| {
            looks += 1;
            let before = theirs.replace(context.waker().clone());
            // Rings during its first look, too.
            if before.is_none() {
                context.waker().wake_by_ref();
            }
            if looks < 5 { Poll::Pending } else { Poll::Ready(theirs.clone()) }
        }));
        let mut look = |task: &Arc<Count>| {
            let waker = Waker::from(Arc::clone(task));
            Pin::new(&mut future).poll(&mut Context::from_waker(&waker))
        };
        assert!(look(&task).is_pending());
        assert_eq!(task.get(), 1, "it rang");
        assert!((0..3).all(|_| look(&task).is_pending()), "twice looked at, for it rang once");
        // By another task it is looked at, for that one has to be woken from now on.
        assert!((0..3).all(|_| look(&other).is_pending()));
        // Back at the first: the fourth look, and no more.
        assert!((0..3).all(|_| look(&task).is_pending()));
        let Poll::Ready(Some(waker)) = look(&other) else { panic!("the fifth look") };
        assert_eq!((task.get(), other.get()), (1, 0));
        waker.wake();
        assert_eq!((task.get(), other.get()), (1, 1), "whoever looked last is woken");
    }
}
