//! Callers that were looked up, so that a request does not cost a look into the database; and when they were last here.

use std::collections::HashMap;
use std::sync::Arc;

use super::Caller;
use crate::config::{CLOCKS_SET_MS, SecretHash, Token};

const CALLERS: usize = 256;
const USED: usize = 4_096;

#[derive(Default)]
pub struct Cache {
    /// Of the configuration that they were read from.
    version: i64,
    callers: HashMap<SecretHash, (Token, Arc<Caller>)>,
    /// When tokens were used, by id: it is written down once a minute.
    used: HashMap<String, i64>,
}

impl Cache {
    /// Forgets everything that was read from another version.
    pub fn at(&mut self, version: i64) -> &mut Cache {
        if self.version != version {
            self.callers.clear();
            self.version = version;
        }
        self
    }

    pub fn get(&mut self, secret: &SecretHash, now_ms: i64) -> Option<Arc<Caller>> {
        if now_ms < CLOCKS_SET_MS {
            // What has expired is known only to the database.
            return None;
        }
        let (token, caller) = self.callers.get_mut(secret)?;
        if now_ms >= token.ends_ms() {
            self.callers.remove(secret);
            return None;
        }
        token.used_ms = now_ms;
        let caller = caller.clone();
        self.touch(&caller.id, now_ms);
        Some(caller)
    }

    /// What was read when the configuration had this version: it may have another one by now.
    pub fn put(&mut self, version: i64, secret: SecretHash, token: Token, caller: Arc<Caller>, now_ms: i64) {
        self.touch(&caller.id, now_ms);
        if self.version != version {
            return;
        }
        if self.callers.len() >= CALLERS {
            self.callers.clear();
        }
        self.callers.insert(secret, (Token { used_ms: now_ms, ..token }, caller));
    }

    pub fn take_used(&mut self) -> Vec<(String, i64)> {
        self.used.drain().collect()
    }

    fn touch(&mut self, id: &str, now_ms: i64) {
        if let Some(at) = self.used.get_mut(id) {
            *at = now_ms;
        } else if self.used.len() < USED {
            self.used.insert(id.to_string(), now_ms);
        }
    }
}
