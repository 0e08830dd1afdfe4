//! Who is at the other end of a socket, looked at again and again: a token that is revoked ends what it began.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::gateway::blocking;
use crate::access::{Access, Caller, Moment, Permission};

/// How often it is looked at: it costs a look into memory.
pub const AGAIN: Duration = Duration::from_secs(5);

pub struct Guard {
    access: Arc<Access>,
    secret: Zeroizing<String>,
    /// The least that they may.
    needs: Permission,
    caller: Arc<Caller>,
}

impl Guard {
    /// `None` for who may not look.
    pub async fn of(access: Arc<Access>, secret: String, needs: Permission) -> Option<Guard> {
        let secret = Zeroizing::new(secret);
        let caller = look_up(&access, &secret, needs).await?;
        Some(Guard { access, secret, needs, caller })
    }

    /// Whether they may still look.
    pub async fn still(&mut self) -> bool {
        match look_up(&self.access, &self.secret, self.needs).await {
            // What somebody watches who may no longer look at the gateway ends, and they come again for what is left.
            Some(caller) if self.may(Permission::Read) && !caller.may(Permission::Read) => false,
            Some(caller) => {
                self.caller = caller;
                true
            }
            None => false,
        }
    }

    pub fn name(&self) -> &str {
        &self.caller.name
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.caller.may(permission)
    }

    pub fn sees_payloads(&self) -> bool {
        self.caller.may(Permission::Payloads)
    }
}

/// Who cannot be looked up is not there.
async fn look_up(access: &Arc<Access>, secret: &Zeroizing<String>, needs: Permission) -> Option<Arc<Caller>> {
    let (access, secret) = (access.clone(), secret.clone());
    let found = blocking(move || access.caller_of(&secret, Moment::now())).await.ok()?;
    found.ok()?.filter(|caller| caller.may(needs))
}
