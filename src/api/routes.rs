//! Who serves what: the handlers of nodes, in the order of the nodes.

use std::sync::{Arc, PoisonError, RwLock};

use tidegate_nodes::value::Object;
use tidegate_nodes::web::{Handler, Head, Requests, Sockets};
use tokio::sync::watch;

#[derive(Default)]
pub struct Routes {
    all: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    routes: Vec<Arc<Route>>,
}

pub struct Route {
    pub number: u64,
    order: u64,
    pub handler: Handler,
    /// The node is gone.
    ended: watch::Sender<bool>,
}

impl Route {
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    pub async fn ended(&self) {
        // The sender is in the route, which the caller holds.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

/// Who serves a request, if anybody does.
pub enum Found {
    Requests(Arc<Route>, Arc<dyn Requests>, Object),
    Nobody,
}

impl Routes {
    pub fn add(&self, order: u64, handler: Handler) -> (Arc<Route>, u64) {
        let mut table = self.all.write().unwrap_or_else(PoisonError::into_inner);
        table.next += 1;
        let number = table.next;
        let route = Arc::new(Route { number, order, handler, ended: watch::Sender::new(false) });
        let at = table.routes.partition_point(|before| before.order <= order);
        table.routes.insert(at, route.clone());
        (route, number)
    }

    pub fn remove(&self, number: u64) {
        let mut table = self.all.write().unwrap_or_else(PoisonError::into_inner);
        table.routes.retain(|route| route.number != number);
    }

    /// The first that serves this request.
    pub fn requests(&self, head: &Head) -> Found {
        for route in self.snapshot() {
            if let Handler::Requests(requests) = &route.handler
                && let Some(params) = requests.matches(head)
            {
                let requests = requests.clone();
                return Found::Requests(route, requests, params);
            }
        }
        Found::Nobody
    }

    /// The first that takes this connection over.
    pub fn sockets(&self, head: &Head) -> Option<Arc<dyn Sockets>> {
        self.snapshot().iter().find_map(|route| match &route.handler {
            Handler::Sockets(sockets) if sockets.matches(head) => Some(sockets.clone()),
            _ => None,
        })
    }

    /// The methods that are served on the path of this request.
    pub fn methods(&self, head: &Head) -> Vec<&'static str> {
        let mut methods = Vec::new();
        for route in self.snapshot() {
            if let Handler::Requests(requests) = &route.handler {
                let all = requests.methods(head).into_iter().flat_map(|all| all.split(','));
                methods.extend(all.filter(|method| !methods.contains(method)).collect::<Vec<_>>());
            }
        }
        methods
    }

    /// Patterns of users are matched outside of the lock.
    fn snapshot(&self) -> Vec<Arc<Route>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).routes.clone()
    }
}
