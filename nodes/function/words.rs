//! Lets the language's own words be names of properties: `msg.payload.default`, `#{new: 1, if: 2}`. Messages come
//! from elsewhere and do not know what a language reserves.

use std::cell::RefCell;

use rhai::{Token, is_valid_identifier};

/// Where the parser is, as far as the tokens tell.
#[derive(Default)]
struct Place {
    /// A name of a property must follow.
    name: bool,
    /// The brackets that are open: whether it is a map's.
    open: Vec<bool>,
}

thread_local! {
    static PLACE: RefCell<Place> = RefCell::default();
}

/// To be called before a script is parsed.
pub fn start() {
    PLACE.take();
}

/// Called by the parser for each token, in order.
pub fn token(token: Token) -> Token {
    PLACE.with_borrow_mut(|place| {
        let token = if place.name { name(token) } else { token };
        place.name = match token {
            Token::Period | Token::Elvis => true,
            Token::MapStart => {
                place.open.push(true);
                true
            }
            Token::LeftBrace | Token::LeftParen | Token::LeftBracket | Token::QuestionBracket => {
                place.open.push(false);
                false
            }
            Token::RightBrace | Token::RightParen | Token::RightBracket => {
                place.open.pop();
                false
            }
            Token::Comma => place.open.last() == Some(&true),
            _ => false,
        };
        token
    })
}

fn name(token: Token) -> Token {
    match token {
        Token::Reserved(word) if is_valid_identifier(&word) => Token::Identifier(word),
        word if word.is_literal() && is_valid_identifier(word.literal_syntax()) => {
            Token::Identifier(Box::new(word.literal_syntax().into()))
        }
        other => other,
    }
}
