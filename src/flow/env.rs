//! Settings that a node can ask for by name: its own, its groups', its subflow instance's, its tab's, the global
//! configuration's and the process's, the nearest first.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tidegate_nodes::value::{Str, Value};

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
    pub(super) level: Level,
    pub(super) parent: Option<Arc<EnvChain>>,
    /// Stands for what is set here and above, the process left out.
    pub(super) hash: u64,
}

/// What is set on one level. `None` is set and undefined: its value could not be made, and nothing above stands in.
pub(super) type Values = BTreeMap<String, Option<Value>>;

pub(super) enum Level {
    Process(ProcessEnv),
    /// The configuration for all tabs.
    Global(Values),
    Tab {
        id: Str,
        label: Option<Str>,
        values: Values,
    },
    Group {
        id: Str,
        name: Option<Str>,
        values: Values,
    },
    /// The inside of a subflow instance.
    Instance {
        who: Who,
        values: Values,
    },
    Node(Who),
}

/// A node as its settings name it.
pub(super) struct Who {
    pub id: Str,
    pub name: Option<Str>,
    pub path: String,
}

impl EnvChain {
    /// The value of a setting: `NAME`, or `$parent.NAME` to skip the nearest level.
    pub fn get(&self, name: &str) -> Option<Value> {
        let mut name = name;
        let mut chain = self;
        loop {
            if let Some(known) = chain.level.own(name) {
                return known;
            }
            match &chain.level {
                Level::Process(env) => return env.get(name).map(Value::from),
                // A node is no level of its own.
                Level::Node(_) => {}
                Level::Global(values)
                | Level::Tab { values, .. }
                | Level::Group { values, .. }
                | Level::Instance { values, .. } => match name.strip_prefix("$parent.") {
                    Some(above) => name = above,
                    None => {
                        if let Some(value) = values.get(name) {
                            return value.clone();
                        }
                    }
                },
            }
            chain = chain.parent.as_deref()?;
        }
    }

    /// The names that are set, for "did you mean"; those of the process too.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut chain = Some(self);
        while let Some(level) = chain {
            match &level.level {
                Level::Process(env) => names.extend(env.names().map(str::to_string)),
                Level::Node(_) => {}
                Level::Global(values)
                | Level::Tab { values, .. }
                | Level::Group { values, .. }
                | Level::Instance { values, .. } => names.extend(values.keys().cloned()),
            }
            chain = level.parent.as_deref();
        }
        names
    }

    pub(super) fn process(env: &ProcessEnv) -> Arc<EnvChain> {
        Arc::new(EnvChain { level: Level::Process(env.clone()), parent: None, hash: 0 })
    }

    /// A level below `parent`. `set` is what is set in it, as `hash_of` gives it.
    pub(super) fn below(parent: &Arc<EnvChain>, level: Level, set: u64) -> Arc<EnvChain> {
        let mut hasher = DefaultHasher::new();
        (parent.hash, set).hash(&mut hasher);
        // A level in which nothing is set makes no difference.
        let hash = if set == 0 { parent.hash } else { hasher.finish() };
        Arc::new(EnvChain { level, parent: Some(parent.clone()), hash })
    }
}

impl Level {
    /// `NR_...`: what the level says about itself.
    fn own(&self, name: &str) -> Option<Option<Value>> {
        let text = |text: &Str| Some(Value::Str(text.clone()));
        let name_of = |name: &Option<Str>| name.clone().map(Value::Str);
        match (self, name) {
            (Level::Tab { id, .. }, "NR_FLOW_ID") => Some(text(id)),
            (Level::Tab { label, .. }, "NR_FLOW_NAME") => Some(name_of(label)),
            (Level::Group { id, .. }, "NR_GROUP_ID") => Some(text(id)),
            (Level::Group { name, .. }, "NR_GROUP_NAME") => Some(name_of(name)),
            (Level::Instance { who, .. } | Level::Node(who), "NR_NODE_ID")
            | (Level::Instance { who, .. }, "NR_SUBFLOW_ID") => Some(text(&who.id)),
            (Level::Instance { who, .. } | Level::Node(who), "NR_NODE_NAME")
            | (Level::Instance { who, .. }, "NR_SUBFLOW_NAME") => Some(name_of(&who.name)),
            (Level::Instance { who, .. } | Level::Node(who), "NR_NODE_PATH")
            | (Level::Instance { who, .. }, "NR_SUBFLOW_PATH") => Some(Some(Value::from(who.path.as_str()))),
            _ => None,
        }
    }
}

/// Settings can be secrets.
impl fmt::Debug for EnvChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvChain")
    }
}
