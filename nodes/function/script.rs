//! A script, compiled once: what it needs, and running it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, Module, Position, Scope, Stmt};

use super::call::{self, Call};
use super::guard::{self, Budget};
use super::value::Sources;
use super::{engine, fault};

/// Shorter than this a script without loops and functions cannot nest a value deep enough to matter.
const SHORT: usize = 2_000;

#[derive(Debug)]
pub struct Script {
    engine: Arc<Engine>,
    ast: AST,
    budget: Budget,
    /// It says itself when it is done with a message.
    pub says_done: bool,
    /// It may ask for the time.
    pub asks_time: bool,
}

/// The interpreter of a node: the shared one, or one with script modules.
pub fn engine_for(
    modules: &BTreeMap<String, String>,
    names: &[(String, String)],
    budget: Budget,
) -> Result<Arc<Engine>, (String, String)> {
    if modules.is_empty() {
        return Ok(engine::shared());
    }
    let mut resolver = StaticModuleResolver::new();
    for (name, source) in modules {
        let module = compile_module(name, source, budget).map_err(|error| (name.clone(), error))?;
        resolver.insert(name.clone(), module);
    }
    let mut engine = engine::with_modules(resolver.clone());
    for (variable, name) in names {
        if let Some(module) =
            resolver.iter().find(|(known, _)| known == name).map(|(_, module)| module.clone())
        {
            engine.register_static_module(variable, module);
        }
    }
    Ok(Arc::new(engine))
}

/// Modules stand alone: they do not see the node, and their constants are computed here, once.
fn compile_module(name: &str, source: &str, budget: Budget) -> Result<Module, String> {
    let engine = engine::shared();
    let mut ast = engine.compile(source).map_err(|error| fault::syntax(&error))?;
    if let Some(at) = Survey::of(&ast).this {
        return Err(this_is_refused(at));
    }
    ast.set_source(name);
    guard::start(&Budget { reads: Some(Budget::reads(Survey::of(&ast).longest)), ..budget });
    call::enter(Box::new(Call { sources: Sources::eager(), ..Call::default() }));
    let module = Module::eval_ast_as_new(Scope::new(), &ast, &engine);
    let module = module.map_err(|error| fault::runtime(*error, &budget));
    call::leave();
    module
}

fn this_is_refused(at: Position) -> String {
    let place = match (at.line(), at.position()) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    };
    format!("`this` is not available: give the function what it needs as a parameter{place}")
}

impl Script {
    /// Compiles a script that sees these constants and variables. The error says where it is wrong.
    pub fn new(
        engine: Arc<Engine>,
        source: &str,
        scope: &Scope<'_>,
        budget: Budget,
    ) -> Result<Script, String> {
        let ast = engine.compile_with_scope(scope, source).map_err(|error| fault::syntax(&error))?;
        let survey = Survey::of(&ast);
        if let Some(at) = survey.this {
            return Err(this_is_refused(at));
        }
        let repeats = survey.loops || ast.has_functions() || source.len() > SHORT;
        let reads = repeats.then(|| Budget::reads(survey.longest));
        // A function may also be named by a text that the script puts together.
        let asks_time = ["now", "iso", "Fn", "import", "::"].iter().any(|word| source.contains(word));
        Ok(Script { engine, ast, budget: Budget { reads, ..budget }, says_done: survey.done, asks_time })
    }

    pub fn explain(&self, error: EvalAltResult) -> String {
        fault::runtime(error, &self.budget)
    }

    /// Runs it. The call at hand must have been entered.
    pub fn run(&self, scope: &mut Scope<'_>) -> Result<Dynamic, String> {
        guard::start(&self.budget);
        self.engine
            .eval_ast_with_scope::<Dynamic>(scope, &self.ast)
            .map_err(|error| fault::runtime(*error, &self.budget))
    }
}

/// What a look over the whole script tells.
#[derive(Default)]
struct Survey {
    loops: bool,
    done: bool,
    /// Where `this` is used.
    this: Option<Position>,
    /// The most expressions inside one another.
    longest: usize,
}

impl Survey {
    fn of(ast: &AST) -> Survey {
        let mut survey = Survey::default();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            survey.longest = survey.longest.max(path.len());
            match path.last() {
                Some(ASTNode::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..))) => survey.loops = true,
                Some(ASTNode::Expr(Expr::ThisPtr(at))) => survey.this = survey.this.or(Some(*at)),
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) => survey.done |= is_done(&pair.lhs, &pair.rhs),
                _ => {}
            }
            true
        });
        survey
    }
}

/// `node.done()`
fn is_done(lhs: &Expr, rhs: &Expr) -> bool {
    match (lhs, rhs) {
        (Expr::Variable(variable, ..), Expr::MethodCall(call, _)) => {
            variable.1 == "node" && call.name == "done" && call.args.is_empty()
        }
        _ => false,
    }
}
