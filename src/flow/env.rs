//! Settings that a node can ask for by name: its own, its groups', its subflow instance's, its tab's, the global
//! configuration's and the process's, the nearest first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tidegate_nodes::value::Value;

/// The environment of the process, read once, or one given for a test.
#[derive(Clone, Default)]
pub struct ProcessEnv(Arc<BTreeMap<String, String>>);

impl ProcessEnv {
    /// That of this process as it is now.
    pub fn of_process() -> ProcessEnv {
        let vars = std::env::vars_os();
        vars.map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned())).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl FromIterator<(String, String)> for ProcessEnv {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(vars: T) -> ProcessEnv {
        ProcessEnv(Arc::new(vars.into_iter().collect()))
    }
}

/// Values are secrets more often than not.
impl fmt::Debug for ProcessEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProcessEnv({} names)", self.0.len())
    }
}

/// The settings of one node, with all the levels around it. Cheap to share: the levels above are shared already.
pub struct EnvChain {
    parent: Option<Arc<EnvChain>>,
}

impl EnvChain {
    /// The value of a setting: `NAME`, or `$parent.NAME` to skip the nearest level.
    pub fn get(&self, name: &str) -> Option<Value> {
        let _ = (name, &self.parent);
        unimplemented!()
    }
}
