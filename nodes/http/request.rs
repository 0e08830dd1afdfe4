//! http request: asks another server, and hands its answer on, on the message that it was given.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::exchange::{Client, Failure, Got};
use super::headers;
use super::pool::Pool;
use super::proxy::Proxy;
use super::request_form::{DESCRIPTOR, Form, Return};
use super::stream::Way;
use super::target::{Ask, answer_cookies, ask};
use crate::connector::{Connector, ConnectorHost, Delivery, Incoming};
use crate::error::NodeError;
use crate::host::{Level, Status};
use crate::node::{Built, NodeConfig, NodeType};
use crate::tls::TlsSettings;
use crate::value::{Object, Value};

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

/// Messages in hand. More are not taken.
const WINDOW: usize = 1000;
/// Requests at a time. More messages wait.
const REQUESTS: usize = 64;
/// What answers together may hold before the flow has them, in KiB, where one may not hold more.
const MEMORY: usize = 64 * 1024;
/// Certificates are read anew after a while: they are replaced while the gateway runs.
const TRUSTED: Duration = Duration::from_secs(60);

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    Ok(Built::connector(HttpRequest::new(Form::read(config)?)))
}

struct HttpRequest {
    memory: Arc<Semaphore>,
    form: Form,
    host: Option<Arc<dyn ConnectorHost>>,
    tls: TlsSettings,
    /// By whether certificates are checked.
    trusted: HashMap<bool, (Arc<ClientConfig>, Instant)>,
    proxy: Option<Arc<Proxy>>,
    pool: Arc<Pool>,
    kept: BTreeMap<u64, Delivery>,
    next: u64,
    running: JoinSet<Ended>,
    places: Arc<Semaphore>,
    random: RandomState,
}

struct Ended {
    number: u64,
    url: String,
    got: Result<Got, Failure>,
}

impl HttpRequest {
    fn new(form: Form) -> HttpRequest {
        HttpRequest {
            memory: Arc::new(Semaphore::new(MEMORY.max(form.max / 1024 + 1))),
            form,
            host: None,
            tls: TlsSettings::default(),
            trusted: HashMap::new(),
            proxy: None,
            pool: Arc::default(),
            kept: BTreeMap::new(),
            next: 0,
            running: JoinSet::new(),
            places: Arc::new(Semaphore::new(REQUESTS)),
            random: RandomState::new(),
        }
    }

    fn ask(&mut self, delivery: Delivery) {
        let (asked, warnings) = match ask(&delivery.message().value, &self.form, !self.form.tls.is_empty()) {
            Ok(asked) => asked,
            Err(error) => {
                self.show(Status::new("red", "ring", error.message()));
                return delivery.fail(error);
            }
        };
        for warning in warnings {
            self.log(warning);
        }
        let client = match self.client(&asked) {
            Ok(client) => client,
            Err(error) => return delivery.fail(NodeError::rejected(error)),
        };
        let number = self.next;
        self.next += 1;
        self.kept.insert(number, delivery);
        let places = self.places.clone();
        self.running.spawn(async move {
            // It is never closed.
            let _place = places.acquire_owned().await;
            let url = asked.url.to_string();
            Ended { number, url, got: client.run(asked).await }
        });
    }

    fn client(&mut self, asked: &Ask) -> Result<Client, NodeError> {
        let verify = asked.verify.unwrap_or(self.tls.verify);
        let known = self.trusted.get(&verify).filter(|(_, since)| since.elapsed() < TRUSTED);
        let is_tls = asked.url.scheme() == "https" || self.proxy.is_some() || asked.follow;
        let tls = match known {
            Some((config, _)) => config.clone(),
            None => {
                let settings = TlsSettings { verify, ..self.tls.clone() };
                let config = match settings.client() {
                    Ok(config) => config,
                    // A system that trusts nobody can still be asked without TLS.
                    Err(_) if asked.url.scheme() == "http" => TlsSettings {
                        verify: false,
                        authority: crate::tls::Pem::None,
                        ..TlsSettings::default()
                    }
                    .client()?,
                    Err(error) => return Err(error),
                };
                let config = Arc::new(config);
                if is_tls {
                    self.trusted.insert(verify, (config.clone(), Instant::now()));
                }
                config
            }
        };
        let proxy = self.proxy.clone().or_else(|| {
            Proxy::of_environment(asked.url.scheme(), |name| std::env::var(name).ok()).map(Arc::new)
        });
        let way = Way { tls, server_name: self.tls.server_name.clone(), proxy };
        // Another check of certificates is another connection.
        let pool = (self.form.persist && verify == self.tls.verify).then(|| self.pool.clone());
        let cnonce = format!("{:016x}", self.random.hash_one(self.next));
        Ok(Client { way, pool, memory: self.memory.clone(), cnonce })
    }

    fn ended(&mut self, ended: Ended) {
        let Some(delivery) = self.kept.remove(&ended.number) else { return };
        match ended.got {
            Ok(got) => {
                let value = self.answer(&delivery.message().value, got);
                delivery.answer(0, value);
                self.show(match self.kept.is_empty() {
                    true => Status::clear(),
                    false => Status::new("blue", "dot", "requesting"),
                });
            }
            Err(failure) => self.failed(delivery, &failure, &ended.url),
        }
    }

    fn answer(&self, message: &Object, got: Got) -> Object {
        let mut value = message.clone();
        let pairs = got.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut all = headers::object(pairs);
        all.insert(headers::MARK, headers::mark(&all));
        value.insert("statusCode", i64::from(got.status));
        value.insert("headers", all);
        value.insert("responseUrl", got.url.as_str());
        value.insert("redirectList", Value::array(got.redirects));
        value.insert("retry", 0);
        if let Some(cookies) = answer_cookies(&got.headers) {
            value.insert("responseCookies", cookies);
        }
        let payload = match self.form.ret {
            Return::Buffer => Value::bytes(got.body),
            Return::Json if got.status == 204 => Value::Object(Object::new()),
            Return::Json => match Value::from_json(&got.body) {
                Ok(json) => json,
                Err(_) => {
                    self.log("JSON parse error: the answer is handed on as a text");
                    Value::str(String::from_utf8_lossy(&got.body))
                }
            },
            Return::Text => Value::str(String::from_utf8_lossy(&got.body)),
        };
        value.insert("payload", payload);
        value
    }

    /// As Node-RED: the error goes to Catch, and unless that is to be all, on with the message too.
    fn failed(&mut self, delivery: Delivery, failure: &Failure, url: &str) {
        let is_late = failure.code == "ETIMEDOUT";
        let text = match is_late {
            true => "no response from server".to_string(),
            false => format!("RequestError: {}", failure.text),
        };
        self.show(Status::new("red", "ring", if is_late { text.as_str() } else { failure.code }));
        let error = NodeError::rejected(&text);
        if self.form.senderr {
            return delivery.fail(error);
        }
        let mut value = delivery.message().value.clone();
        if let Some(host) = &self.host {
            host.raise(error, value.clone());
        }
        value.insert("payload", format!("RequestError: {} : {url}", failure.text));
        value.insert("statusCode", failure.code);
        delivery.answer(0, value);
    }

    fn show(&self, status: Status) {
        if let Some(host) = &self.host {
            host.status(status);
        }
    }

    fn log(&self, text: &str) {
        if let Some(host) = &self.host {
            host.log(Level::Warn, text);
        }
    }
}

impl Connector for HttpRequest {
    async fn open(&mut self, host: Arc<dyn ConnectorHost>) -> Result<(), NodeError> {
        let find = |id: &str, pointer: &'static str, what: &str| match host.resource(id) {
            _ if id.is_empty() => Ok(None),
            None => {
                Err(NodeError::config(pointer, format!("the {what} {id} are not there, or they are wrong")))
            }
            found => Ok(found),
        };
        if let Some(lent) = find(&self.form.tls, "/tls", "TLS settings")? {
            let settings: Option<&TlsSettings> = lent.as_any().downcast_ref();
            self.tls = settings.ok_or_else(|| NodeError::config("/tls", "it is no tls-config"))?.clone();
        }
        if let Some(lent) = find(&self.form.proxy, "/proxy", "settings of the proxy")? {
            let settings: Option<&Proxy> = lent.as_any().downcast_ref();
            let settings = settings.ok_or_else(|| NodeError::config("/proxy", "it is no http proxy"))?;
            self.proxy = Some(Arc::new(settings.clone()));
        }
        self.trusted.clear();
        if self.form.lenient {
            host.log(
                Level::Warn,
                "lenient parsing (insecureHTTPParser) is not there: answers that are no HTTP are errors",
            );
        }
        host.status(Status::clear());
        self.host = Some(host);
        Ok(())
    }

    async fn next(&mut self) -> Result<Vec<Incoming>, NodeError> {
        // Can be dropped: what has ended stays until it is asked for.
        match self.running.join_next().await {
            Some(Ok(ended)) => self.ended(ended),
            // It panicked: all that is under way is given back and asked again.
            Some(Err(error)) => return Err(NodeError::disconnected(format!("a request failed: {error}"))),
            None => return pending().await,
        }
        Ok(Vec::new())
    }

    async fn handle(&mut self, batch: &mut Vec<Delivery>) -> Result<(), NodeError> {
        let mut offered = std::mem::take(batch).into_iter();
        let before = self.kept.len();
        while self.kept.len() < WINDOW
            && let Some(delivery) = offered.next()
        {
            self.ask(delivery);
        }
        batch.extend(offered);
        if self.kept.len() > before {
            self.show(Status::new("blue", "dot", "requesting"));
        }
        Ok(())
    }

    fn take_unconfirmed(&mut self) -> Vec<Delivery> {
        // Dropping the set ends what is under way.
        self.running = JoinSet::new();
        std::mem::take(&mut self.kept).into_values().collect()
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
