//! The rows of a table: the newest ones, as many as there is room for.

use std::collections::VecDeque;

use super::setting::{WORD, cut};
use super::shown_value::shown;
use crate::error::NodeError;
use crate::value::{Object, Value};

pub const MOST_ROWS: usize = 500;
const MOST_COLUMNS: usize = 40;
const MOST_BYTES: usize = 512 * 1024;
/// Characters of a cell.
const LONGEST_CELL: usize = 1_000;

pub struct Rows {
    most: usize,
    rows: VecDeque<Row>,
    bytes: usize,
    /// The mark at which all that was there had gone.
    cleared: u64,
}

struct Row {
    mark: u64,
    cells: Object,
    bytes: usize,
}

impl Rows {
    pub fn new(most: usize) -> Rows {
        Rows { most: most.clamp(1, MOST_ROWS), rows: VecDeque::new(), bytes: 0, cleared: 0 }
    }

    pub fn clear(&mut self, mark: u64) {
        self.rows.clear();
        (self.bytes, self.cleared) = (0, mark);
    }

    pub fn add(&mut self, item: &Value, mark: u64) -> Result<(), NodeError> {
        let Some(object) = item.as_object() else {
            return Err(NodeError::rejected(format!(
                "a row of a table is an object, and this is {}",
                item.kind()
            )));
        };
        let cells: Object = object
            .iter()
            .take(MOST_COLUMNS)
            .map(|(key, value)| (cut(key, WORD), shown(value, LONGEST_CELL)))
            .collect();
        let bytes = crate::cx::weight(&cells) as usize;
        self.rows.push_back(Row { mark, cells, bytes });
        self.bytes += bytes;
        while self.rows.len() > self.most || (self.bytes > MOST_BYTES && self.rows.len() > 1) {
            let Some(oldest) = self.rows.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
        Ok(())
    }

    /// All rows, or those that came after that mark.
    pub fn draw(&self, since: Option<u64>, view: &mut Object) {
        let after = since.filter(|since| *since >= self.cleared);
        let count = self.rows.iter().rev().take_while(|row| after.is_none_or(|mark| row.mark > mark)).count();
        let rows: Vec<Value> =
            self.rows.iter().skip(self.rows.len() - count).map(|row| row.cells.clone().into()).collect();
        match after {
            None => view.insert("rows", rows),
            Some(_) if rows.is_empty() => {}
            Some(_) => view.insert("more", rows),
        }
        // Where long rows have pushed out older ones, more have gone than one would think.
        view.insert("count", self.rows.len());
    }
}
