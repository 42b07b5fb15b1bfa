//! Accepts the connections of a port, and shuts them down.
//!
//! When there are too many connections, the one that has been idle longest is closed.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::connection::{ConnectionNumbers, Connections, Slot};
use super::handler::Handler;
use super::http1::LINGER_TIME;
use super::peer::Peer;
use super::port::{Accepted, Port};
use super::serving::Shared;
use super::stopping::Stopping;
use super::tls::Tls;
use crate::config::Limits;

/// Accepts and shuts down connections. Clones share the same connections.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    shared: Arc<Shared>,
    tls: Option<Tls>,
}

impl Listener {
    pub(crate) fn new(limits: Limits, numbers: ConnectionNumbers) -> Self {
        let connections = Arc::new(Connections::new(limits.connections, numbers));
        Self { shared: Arc::new(Shared { limits, connections, stopping: Stopping::default() }), tls: None }
    }

    /// The same listener with TLS on accepted connections. Call it before serving.
    pub(crate) fn with_tls(self, tls: Option<Tls>) -> Self {
        Self { tls, ..self }
    }

    /// Accepts connections until `stop` completes; then the open ones have time to finish.
    pub(crate) async fn serve<S: Handler>(
        &self,
        port: Port,
        stop: impl Future<Output = ()>,
        new_handler: impl Fn(Slot, Peer) -> S,
        failed: impl Fn(&io::Error),
    ) {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = port.accept() => accepted,
            };
            match accepted {
                Ok(Accepted::Tcp(stream, address)) => {
                    // A response is sent in one piece, so there is nothing to coalesce.
                    let _ = stream.set_nodelay(true);
                    self.start(stream, Peer::Address(address), &new_handler);
                }
                Ok(Accepted::Unix(stream)) => self.start(stream, Peer::Unix, &new_handler),
                Err(error) if is_connection_error(&error) => {}
                Err(error) => {
                    // Most likely out of file descriptors: closing a connection frees one.
                    failed(&error);
                    self.shared.connections.evict_least_used();
                    sleep(Duration::from_millis(50)).await;
                }
            }
            // Let closed connections finish before accepting more.
            if self.shared.connections.are_too_many() {
                tokio::task::yield_now().await;
            }
        }
        // Before the port is closed: then every answer after that is the last on its connection.
        self.shared.stopping.start();
        drop(port);
        self.stop().await;
    }

    /// Spawns a task that serves one connection.
    fn start<I, S>(&self, stream: I, peer: Peer, new_handler: impl Fn(Slot, Peer) -> S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Handler,
    {
        let open = self.shared.connections.open();
        let service = new_handler(open.slot().clone(), peer);
        if let Some(tls) = &self.tls {
            let acceptor = TlsAcceptor::from(tls.config());
            tokio::spawn(Arc::clone(&self.shared).serve_encrypted(acceptor, stream, open, service));
        } else {
            tokio::spawn(Arc::clone(&self.shared).serve(stream, open, service));
        }
    }

    /// Serves one stream, which does not have to be a socket.
    pub(crate) async fn serve_stream<I, S>(&self, stream: I, new_handler: impl FnOnce(Slot, Peer) -> S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Handler,
    {
        let open = self.shared.connections.open();
        let service = new_handler(open.slot().clone(), Peer::Unknown);
        Arc::clone(&self.shared).serve(stream, open, service).await;
    }

    /// Lets responses in flight and requests on their way finish within the time limit, then closes the remaining connections.
    pub(crate) async fn stop(&self) {
        self.shared.stopping.start();
        if timeout(self.shared.limits.shutdown_time, self.shared.connections.all_closed()).await.is_err() {
            self.shared.connections.evict_all();
            let _ = timeout(LINGER_TIME, self.shared.connections.all_closed()).await;
        }
    }
}

/// Errors of a connection that was closed before it was accepted; the listener is unaffected.
fn is_connection_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, poll_fn, ready};
    use std::task::Poll;

    use hyper::body::Incoming;
    use hyper::service::Service;
    use hyper::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::body::Body;
    use crate::http::http2::RESPONSE_OVERHEAD;

    /// Answers everything with 200 and an empty body.
    struct Empty;

    impl Handler for Empty {}

    impl Service<Request<Incoming>> for Empty {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn call(&self, _: Request<Incoming>) -> Self::Future {
            ready(Ok(Response::default()))
        }
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[tokio::test]
    async fn a_response_is_sent_before_its_connection_is_closed() {
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let listener = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let mut serving = pin!(listener.serve_stream(stream, |_, _| Empty));
        let mut poll = async || poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await;

        assert_eq!(poll().await, Poll::Pending, "nothing has arrived");
        listener.shared.connections.evict_all();
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        assert_eq!(poll().await, Poll::Ready(()));

        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response:?}");
    }

    #[tokio::test]
    async fn a_client_that_sends_requests_without_pause_can_be_closed() {
        let (mut client, stream) = tokio::io::duplex(1 << 16);
        let listener = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let mut serving = pin!(listener.serve_stream(stream, |_, _| Empty));
        client.write_all(REQUEST.repeat(200).as_bytes()).await.unwrap();
        let mut polls = 0;
        poll_fn(|context| {
            listener.shared.connections.evict_all();
            polls += 1;
            serving.as_mut().poll(context)
        })
        .await;
        assert!(polls <= 3, "after {polls} polls");
    }

    /// Answers everything with a body of this many bytes.
    struct Long(usize);

    impl Handler for Long {}

    impl Service<Request<Incoming>> for Long {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn call(&self, _: Request<Incoming>) -> Self::Future {
            ready(Ok(Response::new(Body::new(vec![b'x'; self.0].into()))))
        }
    }

    async fn until(mut holds: impl FnMut() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), waiting).await.expect("in time");
    }

    #[tokio::test]
    async fn responses_that_an_http2_client_does_not_read_are_counted() {
        let (client, stream) = tokio::io::duplex(1 << 16);
        let listener = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let connections = Arc::clone(&listener.shared.connections);
        let serving = tokio::spawn(async move { listener.serve_stream(stream, |_, _| Long(10_000)).await });
        let mut builder = h2::client::Builder::new();
        let (mut requests, connection) =
            builder.initial_window_size(0).handshake::<_, bytes::Bytes>(client).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut responses = Vec::new();
        for _ in 0..5 {
            let request = hyper::http::Request::get("http://a/").body(()).unwrap();
            let (response, _) = requests.send_request(request, true).unwrap();
            responses.push(response.await.unwrap());
        }
        until(|| connections.unsent() == 5 * (10_000 + RESPONSE_OVERHEAD)).await;
        drop((requests, responses));
        connection.abort();
        until(|| connections.unsent() == 0).await;
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn responses_that_an_http1_client_does_not_read_are_counted() {
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let listener = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let connections = Arc::clone(&listener.shared.connections);
        let serving = tokio::spawn(async move { listener.serve_stream(stream, |_, _| Long(10_000)).await });
        client.write_all(REQUEST.repeat(5).as_bytes()).await.unwrap();
        until(|| connections.unsent() > 10_000).await;
        let mut received = vec![0; 50_000];
        client.read_exact(&mut received).await.unwrap();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut received).await.unwrap();
        serving.await.unwrap();
        assert_eq!(connections.unsent(), 0);
    }
}
