//! Is this document right? Everything that is wrong with it is said at once.
//!
//! The document is looked at as it stands (`nodes`, `wires`, `subflows`, `fields`), then it is expanded, and then every
//! node that would run is built once: what a node refuses is wrong, whatever its fields say about themselves.

mod build;
mod fields;
mod nodes;
mod subflows;
mod wires;

pub use nodes::is_known_type;

use std::collections::HashSet;
use std::sync::Arc;

use tidegate_nodes::host::Settings;

use super::env::ProcessEnv;
use super::index::Index;
use super::model::{Document, FlowNode};
use super::plan::Plan;
use super::problem::{Problem, Severity};
use super::suggest::nearest;
use super::text;

/// Expands a document and finds all that is wrong with it, worst first. Do not run the plan when a problem is an error.
///
/// Every node in the plan has been built once (building opens nothing), so building it again succeeds.
/// Nodes whose configuration is refused are reported as errors and are not in the plan.
pub fn check(document: &Document, env: &ProcessEnv, settings: &Arc<Settings>) -> (Plan, Vec<Problem>) {
    let mut report = Report::new(document);
    nodes::check(&mut report);
    wires::check(&mut report);
    subflows::check(&mut report);
    fields::check_document(&mut report);
    let (mut plan, problems) = Plan::build(document, env, settings);
    report.problems.extend(problems);
    fields::check_plan(&mut report, &plan);
    let refused = build::try_all(&mut plan);
    report.settle_doubts(refused);
    (plan, report.finish())
}

/// The problems alone.
pub fn validate(document: &Document, env: &ProcessEnv) -> Vec<Problem> {
    check(document, env, &Arc::new(Settings::default())).1
}

/// What was found so far.
struct Report<'d> {
    document: &'d Document,
    index: Index<'d>,
    problems: Vec<Problem>,
    /// What a field's description does not allow. It is an error if the node refuses it as well, else a warning:
    /// Node-RED's nodes take more than their forms offer.
    doubts: Vec<Problem>,
    suggestions_left: usize,
}

impl<'d> Report<'d> {
    fn new(document: &'d Document) -> Report<'d> {
        /// Looking for near names in a large document takes its time, and after this many nobody reads them.
        const SUGGESTIONS: usize = 50;
        Report {
            document,
            index: Index::of(document),
            problems: Vec::new(),
            doubts: Vec::new(),
            suggestions_left: SUGGESTIONS,
        }
    }

    /// Reports a problem of a node. `below` is the pointer from the node on.
    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        node: &FlowNode,
        below: &str,
        message: impl std::fmt::Display,
    ) -> &mut Problem {
        // What does not run does no harm.
        let severity = if self.is_off(node) { Severity::Warning } else { severity };
        let problem = self.problem(severity, code, node, below, message);
        self.problems.push(problem);
        self.problems.last_mut().expect("just pushed")
    }

    fn problem(
        &self,
        severity: Severity,
        code: &'static str,
        node: &FlowNode,
        below: &str,
        message: impl std::fmt::Display,
    ) -> Problem {
        let pointer = format!("{}{below}", self.document.pointer(node));
        Problem::new(severity, code, pointer, format!("{node}: {message}")).about(&node.id)
    }

    fn is_off(&self, node: &FlowNode) -> bool {
        let tab = || self.index.get(node.z.as_deref()?);
        node.disabled || tab().is_some_and(|tab| tab.type_name == "tab" && tab.disabled)
    }

    /// Near names, as long as anybody reads them: `among` is not looked at for later ones.
    fn did_you_mean<'a>(&mut self, name: &str, among: impl IntoIterator<Item = &'a str>) -> Option<String> {
        self.suggestions_left = self.suggestions_left.checked_sub(1)?;
        text::did_you_mean(&nearest(name, among))
    }

    /// Takes in what the nodes themselves refuse. A doubt about the same place becomes an error, and stands for it: it
    /// knows the near names.
    fn settle_doubts(&mut self, mut refused: Vec<Problem>) {
        let base = self.document.base;
        let errors = self.problems.iter().filter(|problem| problem.is_error());
        let errors = Places::of(base, errors.map(|problem| problem.pointer.as_str()));
        refused.retain(|refused| !errors.touch(&refused.pointer));
        let places = Places::of(base, refused.iter().map(|refused| refused.pointer.as_str()));
        let mut settled = HashSet::new();
        for mut doubt in std::mem::take(&mut self.doubts) {
            if places.touch(&doubt.pointer) {
                doubt.severity = Severity::Error;
                settled.insert(doubt.pointer.clone());
            }
            self.problems.push(doubt);
        }
        refused.retain(|refused| !settled.contains(&refused.pointer));
        self.problems.extend(refused);
    }

    /// Worst first, then as they stand in the document; each once, however many instances a subflow has.
    fn finish(self) -> Vec<Problem> {
        let mut seen = HashSet::new();
        let base = self.document.base.len();
        let place = |problem: &Problem| -> usize {
            let index = problem.pointer.get(base..).and_then(|rest| rest.split('/').nth(1));
            index.and_then(|index| index.parse().ok()).unwrap_or(0)
        };
        let mut problems = self.problems;
        problems.sort_by_key(|problem| (problem.severity, place(problem)));
        problems.retain(|problem| seen.insert((problem.code, problem.pointer.clone())));
        problems
    }
}

/// Places in nodes. A place touches another when it is the same one, inside of it or around it.
/// A node as a whole touches nothing in it.
struct Places<'p> {
    base: &'static str,
    exact: HashSet<&'p str>,
    around: HashSet<&'p str>,
}

impl<'p> Places<'p> {
    fn of(base: &'static str, pointers: impl Iterator<Item = &'p str>) -> Places<'p> {
        let mut places = Places { base, exact: HashSet::new(), around: HashSet::new() };
        for pointer in pointers {
            let mut row = places.row(pointer);
            places.exact.extend(row.next());
            places.around.extend(row);
        }
        places
    }

    fn touch(&self, pointer: &str) -> bool {
        let here = |place: &str| self.exact.contains(place);
        self.row(pointer).any(here) || (self.row(pointer).next().is_some() && self.around.contains(pointer))
    }

    /// A place and those around it, as far as they are inside a node.
    fn row<'a>(&self, pointer: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let outermost = self.base.matches('/').count() + 1;
        let around = |place: &&'a str| place.rsplit_once('/').map(|(around, _)| around);
        std::iter::successors(Some(pointer), around)
            .take_while(move |place| place.matches('/').count() > outermost)
    }
}
