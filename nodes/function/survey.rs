//! What a look over a script tells about it, before it ever runs.

use super::fault;
use rhai::{AST, ASTFlags, ASTNode, Expr, ImmutableString, Position, Stmt};

/// The names of the properties that a script may write to. A property by another name is only ever read, so its value
/// can be handed over without being kept in the map that it was read from.
#[derive(Debug, Default, PartialEq)]
pub enum Written {
    Names(Vec<ImmutableString>),
    /// Some name is computed.
    #[default]
    All,
}

impl Written {
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Written::Names(names) => names.iter().any(|known| known == name),
            Written::All => true,
        }
    }

    fn add(&mut self, name: &ImmutableString) {
        if let Written::Names(names) = self
            && !names.contains(name)
        {
            names.push(name.clone());
        }
    }

    /// All names in a chain `a.b["c"][0].d` that is written to, or that a method is called on. What follows the first
    /// link hangs on its right: `.(b, [("c", [(0, .d)])])`, so that a name stands left of what is done with it.
    fn chain(&mut self, link: &Expr) {
        match link {
            Expr::Dot(pair, ..) => match &pair.rhs {
                rest @ (Expr::Dot(next, ..) | Expr::Index(next, ..)) => {
                    self.property(&next.lhs);
                    self.chain(rest);
                }
                last => self.property(last),
            },
            Expr::Index(pair, flags, _) => match &pair.rhs {
                // With the flag the right side is an index that is computed by a chain of its own.
                rest @ (Expr::Dot(next, ..) | Expr::Index(next, ..))
                    if !flags.intersects(ASTFlags::BREAK) =>
                {
                    self.index(&next.lhs);
                    self.chain(rest);
                }
                last => self.index(last),
            },
            _ => {}
        }
    }

    fn property(&mut self, expr: &Expr) {
        if let Expr::Property(name, _) = expr {
            self.add(&name.2);
        }
    }

    fn index(&mut self, index: &Expr) {
        match index {
            Expr::StringConstant(name, _) => self.add(name),
            Expr::IntegerConstant(..) => {}
            _ => *self = Written::All,
        }
    }
}

pub struct Survey {
    pub loops: bool,
    /// There is a `node.done()`.
    pub done: bool,
    /// Something that would fail when it runs: what, and where.
    pub wrong: Option<(String, Position)>,
    /// The most expressions inside one another.
    pub longest: usize,
    pub written: Written,
}

impl Survey {
    pub fn of(ast: &AST) -> Survey {
        let mut survey = Survey {
            loops: false,
            done: false,
            wrong: None,
            longest: 0,
            written: Written::Names(Vec::new()),
        };
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            survey.longest = survey.longest.max(path.len());
            match path.last() {
                Some(ASTNode::Stmt(stmt)) => survey.statement(stmt),
                Some(ASTNode::Expr(expr)) => survey.expression(expr),
                _ => {}
            }
            true
        });
        if let Some(at) = message_in_function(ast) {
            let text = "functions do not see msg: give them what they need as a parameter";
            survey.wrong.get_or_insert((text.to_string(), at));
        }
        survey
    }

    /// Refuses a script that would fail when it runs.
    pub fn refuse(&self) -> Result<(), String> {
        match &self.wrong {
            Some((text, at)) => Err(format!("{text}{}", fault::place(*at, None))),
            None => Ok(()),
        }
    }

    fn statement(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::While(..) | Stmt::Do(..) | Stmt::For(..) => self.loops = true,
            Stmt::Assignment(assignment) => self.written.chain(&assignment.1.lhs),
            _ => {}
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match expr {
            Expr::ThisPtr(at) => {
                let text = "`this` is not available: give the function what it needs as a parameter";
                self.wrong.get_or_insert((text.to_string(), *at));
            }
            Expr::Dot(pair, ..) | Expr::Index(pair, ..) => {
                self.done |= is_done(&pair.lhs, &pair.rhs);
                // Methods may change what they are called on.
                if calls_method(&pair.rhs) {
                    self.written.property(&pair.lhs);
                    self.written.chain(expr);
                    if let Expr::Variable(variable, ..) = &pair.lhs {
                        self.captured(&variable.1, &pair.rhs);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Survey {
    /// A closure shares the variables that it uses, and a shared one is locked while a method works on what is in it:
    /// `msg.payload.list.map(|x| x + msg.payload.n)` can only fail.
    fn captured(&mut self, name: &str, rest: &Expr) {
        let mut at = None;
        rest.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Stmt(Stmt::Share(shared))) = path.last() {
                at = at
                    .or(shared.iter().find(|(shared, _)| shared.name == name).map(|(shared, _)| shared.pos));
            }
            at.is_none()
        });
        if let Some(at) = at {
            let text = format!(
                "a closure cannot use {name} while it is given to a function of something in {name}: \
                 put what it needs into a variable first"
            );
            self.wrong.get_or_insert((text, at));
        }
    }
}

fn calls_method(expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(..) => true,
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => calls_method(&pair.lhs) || calls_method(&pair.rhs),
        _ => false,
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

/// Where a function reads `msg` without having it as a parameter; closures, which capture it, have it as one.
fn message_in_function(ast: &AST) -> Option<Position> {
    for function in ast.iter_functions().filter(|function| !function.params.contains(&"msg")) {
        let mut alone = ast.clone_functions_only();
        alone.retain_functions(|_, _, name, params| name == function.name && params == function.params.len());
        let mut found = None;
        alone.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, index, at))) = path.last()
                && variable.1 == "msg"
                && variable.0.is_none()
                && index.is_none()
            {
                found = Some(*at);
            }
            found.is_none()
        });
        if found.is_some() {
            return found;
        }
    }
    None
}
