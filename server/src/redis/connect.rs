//! One connection, with deadlines. It never reconnects automatically: after every connect, snapshot and log are read
//! again, and a client that hides a lost connection would hide missed entries.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, Pipeline, RedisConnectionInfo, RedisError, Value, cmd, pipe,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Address, RedisRevocations};
use crate::fetch;

/// The timeout of connecting, TLS and authentication together.
const CONNECT: Duration = Duration::from_secs(3);
/// The timeout of a Sentinel's response.
const SENTINEL: Duration = Duration::from_secs(1);

/// Connects with these settings.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    redis: RedisRevocations,
    tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// # Errors
    ///
    /// The certification authorities or the password cannot be read.
    pub(crate) fn new(redis: &RedisRevocations) -> Result<Self, String> {
        if let Some(password) = &redis.password {
            password.read()?;
        }
        let tls = redis.address.is_tls().then(|| fetch::tls(redis.ca_file.as_deref())).transpose()?;
        Ok(Self { redis: redis.clone(), tls })
    }

    pub(crate) fn redis(&self) -> &RedisRevocations {
        &self.redis
    }

    /// A new connection to the server, or to the master named by the first Sentinel that responds.
    pub(crate) async fn connect(&self) -> Result<Connection, String> {
        // Read again each time, so that a new password works without a restart.
        let password = match self.redis.password.clone() {
            None => None,
            Some(password) => Some(
                tokio::task::spawn_blocking(move || password.read())
                    .await
                    .map_err(|_| "the password cannot be read".to_owned())??,
            ),
        };
        let mut info = RedisConnectionInfo::default().set_db(self.redis.database).set_skip_set_lib_name();
        if let Some(user) = &self.redis.user {
            info = info.set_username(user);
        }
        if let Some(password) = &password {
            info = info.set_password(password.as_str());
        }
        let Address::Sentinels { addresses, service, .. } = &self.redis.address else {
            return within(CONNECT, self.open(&self.redis.address, &info)).await;
        };
        let mut problems = Vec::new();
        for (host, port) in addresses {
            match self.through_sentinel(host, *port, service, &info).await {
                Ok(connection) => return Ok(connection),
                Err(problem) => problems.push(format!("Sentinel {host}:{port}: {problem}")),
            }
        }
        Err(problems.join("; "))
    }

    async fn through_sentinel(
        &self,
        host: &str,
        port: u16,
        service: &str,
        info: &RedisConnectionInfo,
    ) -> Result<Connection, String> {
        let tcp = |host: &str, port| Address::Tcp { host: host.to_owned(), port, tls: self.tls.is_some() };
        let ask = async {
            let mut sentinel = self.open(&tcp(host, port), &RedisConnectionInfo::default()).await?;
            let question = cmd("SENTINEL").arg("get-master-addr-by-name").arg(service).take();
            sentinel.ask::<Option<(String, u16)>>(&question, SENTINEL).await
        };
        let master = within(SENTINEL, ask).await?;
        let (host, port) = master.ok_or_else(|| format!("has no master `{service}`"))?;
        let mut connection = within(CONNECT, self.open(&tcp(&host, port), info)).await?;
        let role: Vec<redis::Value> = connection.ask(&cmd("ROLE"), SENTINEL).await?;
        let role = role.first().and_then(|role| String::from_redis_value_ref(role).ok());
        if role.as_deref() != Some("master") {
            return Err(format!("{host}:{port} is not a master yet"));
        }
        Ok(connection)
    }

    async fn open(&self, address: &Address, info: &RedisConnectionInfo) -> Result<Connection, String> {
        let failed = |error: std::io::Error| format!("cannot be reached: {error}");
        let stream: Box<dyn Stream> = match address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await.map_err(failed)?),
            Address::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                match self.tls.as_ref().filter(|_| *tls) {
                    None => Box::new(stream),
                    Some(tls) => {
                        let name = ServerName::try_from(host.clone())
                            .map_err(|error| format!("cannot be reached: {error}"))?;
                        let connector = TlsConnector::from(Arc::clone(tls));
                        Box::new(connector.connect(name, stream).await.map_err(failed)?)
                    }
                }
            }
            Address::Sentinels { .. } => {
                return Err("the address is a list of Sentinels; expected the address of a server".to_owned());
            }
        };
        // Each request has a separate deadline.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let (connection, driver) = {
            let opening = MultiplexedConnection::new_with_config(info, stream, config);
            opening.await.map_err(|error| format!("refuses the connection: {error}"))?
        };
        Ok(Connection { connection, driver: tokio::spawn(driver) })
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that is closed when it is dropped.
pub(crate) struct Connection {
    connection: MultiplexedConnection,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The error of a command. The library's text for a connection that the server closed is only `broken pipe`.
fn in_words(error: &RedisError) -> String {
    if error.is_io_error() || error.is_connection_dropped() {
        return format!("the connection was lost: {error}");
    }
    error.to_string()
}

impl Connection {
    /// The response to one command, within a time limit.
    pub(crate) async fn ask<T: FromRedisValue>(
        &mut self,
        command: &Cmd,
        limit: Duration,
    ) -> Result<T, String> {
        let answer =
            async { command.query_async(&mut self.connection).await.map_err(|error| in_words(&error)) };
        within(limit, answer).await
    }

    /// The responses to the commands of a transaction, including errors; `None` if it was not executed because a watched key
    /// has changed.
    ///
    /// Sends `MULTI` and `EXEC` as ordinary commands, because the library's transactions lose the error of a refused
    /// `MULTI`, and panic on it if overflow checks are enabled.
    pub(crate) async fn ask_all(
        &mut self,
        commands: &Pipeline,
        limit: Duration,
    ) -> Result<Option<Vec<Value>>, String> {
        let mut all = pipe();
        all.cmd("MULTI");
        for command in commands.cmd_iter() {
            all.add_command(command.clone());
        }
        all.cmd("EXEC").ignore_errors();
        let answer = async { all.query_async(&mut self.connection).await.map_err(|error| in_words(&error)) };
        let answers: Vec<Value> = within(limit, answer).await?;
        // A command that was refused while it was queued aborts the transaction; its own error says why.
        if let Some(Value::ServerError(error)) =
            answers.iter().find(|answer| matches!(answer, Value::ServerError(_)))
        {
            return Err(format!("{} {}", error.code(), error.details().unwrap_or_default()));
        }
        match answers.into_iter().next_back() {
            Some(Value::Array(answers)) => Ok(Some(answers)),
            Some(Value::Nil) => Ok(None),
            _ => Err("the answer to EXEC has an unexpected type".to_owned()),
        }
    }
}

/// The warning for a server that may evict keys; `None` if it does not, or does not report its policy.
pub(crate) async fn eviction_warning(connection: &mut Connection) -> Option<String> {
    let info: String = connection.ask(cmd("INFO").arg("memory"), SENTINEL).await.ok()?;
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"))?.trim();
    (policy != "noeviction").then(|| {
        format!(
            "the server may evict revocations: its `maxmemory-policy` is `{}`; set it to `noeviction`",
            crate::text::visible(policy)
        )
    })
}
