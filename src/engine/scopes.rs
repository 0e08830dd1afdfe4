//! Who hears whose events: Node-RED's scoping rules of catch, status and complete nodes, worked out once a build.
//!
//! A container is a tab or the inside of a subflow instance. An error that no Catch in a container takes goes to the
//! container around, as if the subflow's instance had raised it.

use std::collections::HashMap;

use tidegate_nodes::node::{Event, Listen, ListenScope};
use tidegate_nodes::value::Str;

use super::slot::Listeners;
use crate::flow::PlanNode;

/// A node as far as scoping goes.
pub struct Member<'p> {
    pub plan: &'p PlanNode,
    pub listen: Option<Listen>,
}

/// The listeners of each node, by place.
pub fn listeners(members: &[Member<'_>]) -> Vec<Listeners> {
    let places: HashMap<&str, usize> =
        members.iter().enumerate().map(|(at, member)| (member.plan.config.id.as_str(), at)).collect();
    let scopes = Scopes { members, places };
    (0..members.len())
        .map(|at| Listeners {
            catch: scopes.catch(at),
            status: scopes.status(at),
            complete: scopes.complete(at),
            status_shows_on: scopes.instance_of(at).map(|at| at as u32),
        })
        .collect()
}

struct Scopes<'m> {
    members: &'m [Member<'m>],
    places: HashMap<&'m str, usize>,
}

fn container(plan: &PlanNode) -> Option<&Str> {
    plan.subflow.as_ref().map(|subflow| &subflow.instance)
}

impl Scopes<'_> {
    /// The place of the subflow instance that a node is inside of.
    fn instance_of(&self, at: usize) -> Option<usize> {
        self.places.get(container(self.members[at].plan)?.as_str()).copied()
    }

    /// The listeners of a kind that hear `reporting`, the nearest group first, then in the order Node-RED looks.
    fn candidates(&self, reporting: usize, wants: impl Fn(&Event) -> Option<u8>) -> Vec<usize> {
        let node = self.members[reporting].plan;
        let mut found = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            let Some(listen) = &member.listen else { continue };
            let Some(rank) = wants(&listen.to) else { continue };
            if container(member.plan) != container(node) {
                continue;
            }
            let group = member.plan.groups.first();
            let scoped = match &listen.scope {
                ListenScope::Nodes(ids) if !ids.iter().any(|id| *id == node.config.id) => continue,
                ListenScope::Group if group.is_some() && node.groups.is_empty() => continue,
                ListenScope::Flow => false,
                _ => true,
            };
            // How many groups lie between the two: the whole way out when the listener is in none of the node's groups.
            let distance = node.groups.iter().position(|g| Some(g) == group);
            if distance.is_none() && group.is_some() && listen.scope == ListenScope::Group {
                continue;
            }
            let distance = distance.unwrap_or(node.groups.len());
            found.push((distance, if scoped { 0 } else { rank }, at));
        }
        // Stable: within a rank the order of the document stays.
        found.sort_by_key(|(distance, rank, _)| (*distance, *rank));
        found.into_iter().map(|(_, _, at)| at).collect()
    }

    fn catch(&self, at: usize) -> Vec<u32> {
        let mut reporting = at;
        loop {
            let candidates = self.candidates(reporting, |event| match event {
                Event::Error { uncaught } => Some(1 + u8::from(*uncaught)),
                _ => None,
            });
            if !candidates.is_empty() {
                return self.take_uncaught(&candidates);
            }
            match self.instance_of(reporting) {
                Some(instance) => reporting = instance,
                None => return Vec::new(),
            }
        }
    }

    /// Of the Catch nodes that hear an error, those that get it: the first one for uncaught errors only if none was before it.
    fn take_uncaught(&self, candidates: &[usize]) -> Vec<u32> {
        let mut taken = Vec::new();
        let mut by_uncaught = false;
        for &at in candidates {
            let uncaught =
                matches!(self.members[at].listen, Some(Listen { to: Event::Error { uncaught: true }, .. }));
            if uncaught && !by_uncaught {
                if !taken.is_empty() {
                    continue;
                }
                by_uncaught = true;
            }
            taken.push(at as u32);
        }
        taken
    }

    fn status(&self, at: usize) -> Vec<u32> {
        let mut reporting = at;
        loop {
            let found = self.candidates(reporting, |event| (*event == Event::Status).then_some(0));
            if !found.is_empty() {
                return found.into_iter().map(|at| at as u32).collect();
            }
            // A subflow with a status output of its own shows nothing else of its inside.
            let silent = self.members[reporting].plan.subflow.as_ref().is_some_and(|s| s.has_status);
            match self.instance_of(reporting).filter(|_| !silent) {
                Some(instance) => reporting = instance,
                None => return Vec::new(),
            }
        }
    }

    fn complete(&self, at: usize) -> Vec<u32> {
        let id = &self.members[at].plan.config.id;
        let hears = |listen: &Listen| match &listen.scope {
            ListenScope::Nodes(ids) => {
                listen.to == Event::Complete && ids.iter().any(|own| own == id.as_str())
            }
            _ => false,
        };
        let inside = container(self.members[at].plan);
        let listeners = self.members.iter().enumerate();
        listeners
            .filter(|(_, m)| m.listen.as_ref().is_some_and(hears) && container(m.plan) == inside)
            .map(|(at, _)| at as u32)
            .collect()
    }
}
