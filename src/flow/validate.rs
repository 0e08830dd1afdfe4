//! Is this document right? Everything that is wrong with it is said at once.

use std::sync::Arc;

use tidegate_nodes::host::Settings;

use super::env::ProcessEnv;
use super::model::Document;
use super::plan::Plan;
use super::problem::Problem;

/// Expands a document and finds all that is wrong with it, worst first. Do not run the plan when a problem is an error.
///
/// Every node in the plan has been built once (building opens nothing), so building it again succeeds.
pub fn check(document: &Document, env: &ProcessEnv, settings: &Arc<Settings>) -> (Plan, Vec<Problem>) {
    Plan::build(document, env, settings)
}

/// The problems alone.
pub fn validate(document: &Document, env: &ProcessEnv) -> Vec<Problem> {
    check(document, env, &Arc::new(Settings::default())).1
}
