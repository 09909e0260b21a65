//! Statements for one tenant, and the typed steps of a transaction.
//!
//! A statement writes each table as `{notes}` or `{shared.users}`. Through Citus that is the table itself; on
//! the node that holds the tenant's shard it is the shard's own table (see `shard_tables`).

use std::sync::OnceLock;

use super::row::{DbRow, FromRow};
use super::shard_tables;
use super::topology::TableName;
use super::turns::Weight;
use super::value::Value;

/// An SQL statement whose `$1` is the tenant.
pub(crate) struct Statement {
    template: &'static str,
    kind: Kind,
    weight: Weight,
    finds_user: bool,
    sql: OnceLock<String>,
    changed_tables: OnceLock<Vec<TableName>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Insert,
}

impl Statement {
    /// A statement that changes and locks nothing, so it may run twice.
    pub(crate) const fn reading(template: &'static str) -> Self {
        Self::new(template, Kind::Read)
    }

    /// A statement that changes or locks rows.
    pub(crate) const fn writing(template: &'static str) -> Self {
        Self::new(template, Kind::Write)
    }

    /// An INSERT of one row whose id is the next number of a sequence. Citus keeps no plan of it. The
    /// statement names the sequence, because a shard's own table has no default for the id.
    pub(crate) const fn inserting(template: &'static str) -> Self {
        Self::new(template, Kind::Insert)
    }

    const fn new(template: &'static str, kind: Kind) -> Self {
        Self {
            template,
            kind,
            weight: Weight::Light,
            finds_user: false,
            sql: OnceLock::new(),
            changed_tables: OnceLock::new(),
        }
    }

    /// The same statement, of which a tenant may run fewer at a time: its work grows with the notes of a
    /// user, or with the sizes of many.
    pub(crate) const fn heavy(mut self) -> Self {
        self.weight = Weight::Heavy;
        self
    }

    /// The same statement, which finds a session and sets `app.user_id` to its user. The statements behind it
    /// in its message read nothing when it finds none.
    pub(crate) const fn finding_user(mut self) -> Self {
        self.finds_user = true;
        self
    }

    /// The text with its tables in braces.
    pub(crate) fn template(&self) -> &'static str {
        self.template
    }

    /// The text for Citus and for plain PostgreSQL.
    pub(crate) fn sql(&'static self) -> &'static str {
        self.sql.get_or_init(|| self.template.replace(['{', '}'], ""))
    }

    /// The tables in which it changes or locks rows.
    pub(super) fn changed_tables(&'static self) -> &'static [TableName] {
        self.changed_tables.get_or_init(|| shard_tables::changed(self.template))
    }

    pub(super) fn weight(&self) -> Weight {
        self.weight
    }

    pub(super) fn finds_user(&self) -> bool {
        self.finds_user
    }

    pub(crate) fn is_read(&self) -> bool {
        self.kind == Kind::Read
    }

    /// Whether Citus keeps a plan of it for each execution, unless the transaction prevents that.
    pub(super) fn leaves_plans(&self) -> bool {
        self.kind != Kind::Insert
    }

    /// A step that reads all rows.
    pub(crate) fn all<'a, T: FromRow>(&'static self, values: Vec<Value<'a>>) -> Step<'a, Vec<T>> {
        Step::new(self, values, |rows| rows.iter().map(DbRow::read).collect())
    }

    /// A step that reads the first row.
    pub(crate) fn first<'a, T: FromRow>(&'static self, values: Vec<Value<'a>>) -> Step<'a, Option<T>> {
        Step::new(self, values, |rows| rows.first().map(DbRow::read))
    }

    /// A step that tells how many rows the statement gave.
    pub(crate) fn count<'a>(&'static self, values: Vec<Value<'a>>) -> Step<'a, usize> {
        Step::new(self, values, |rows| rows.len())
    }

    /// A step that tells whether the statement gave a row.
    pub(crate) fn any<'a>(&'static self, values: Vec<Value<'a>>) -> Step<'a, bool> {
        Step::new(self, values, |rows| !rows.is_empty())
    }

    /// A step whose rows do not matter.
    pub(crate) fn run<'a>(&'static self, values: Vec<Value<'a>>) -> Step<'a, ()> {
        Step::new(self, values, drop)
    }
}

/// A statement with its values behind `$1`.
pub(crate) struct BoundStatement<'a> {
    pub(super) statement: &'static Statement,
    pub(super) values: Vec<Value<'a>>,
}

/// One statement of a transaction, and how its rows become a `T`.
pub(crate) struct Step<'a, T> {
    bound: BoundStatement<'a>,
    read: fn(Vec<DbRow>) -> T,
}

impl<'a, T> Step<'a, T> {
    fn new(statement: &'static Statement, values: Vec<Value<'a>>, read: fn(Vec<DbRow>) -> T) -> Self {
        Self { bound: BoundStatement { statement, values }, read }
    }
}

/// The rows of each statement of a transaction, in order.
pub(super) type Results = std::vec::IntoIter<Vec<DbRow>>;

/// The steps of one transaction: a step, or a tuple, `Vec` or `Option` of steps. The output has the same
/// shape.
pub(crate) trait Steps: Sized {
    type Output;

    /// Appends the statements in the order in which they run.
    fn statements<'s>(&'s self, to: &mut Vec<&'s BoundStatement<'s>>);

    /// Takes the results of its own statements.
    fn read(self, results: &mut Results) -> Self::Output;

    /// The same steps with their output converted.
    fn map<T, F: FnOnce(Self::Output) -> T>(self, convert: F) -> Map<Self, F> {
        Map { steps: self, convert }
    }
}

/// Steps with their output converted; see [`Steps::map`].
pub(crate) struct Map<S, F> {
    steps: S,
    convert: F,
}

impl<S: Steps, T, F: FnOnce(S::Output) -> T> Steps for Map<S, F> {
    type Output = T;

    fn statements<'s>(&'s self, to: &mut Vec<&'s BoundStatement<'s>>) {
        self.steps.statements(to);
    }

    fn read(self, results: &mut Results) -> T {
        (self.convert)(self.steps.read(results))
    }
}

impl<T> Steps for Step<'_, T> {
    type Output = T;

    fn statements<'s>(&'s self, to: &mut Vec<&'s BoundStatement<'s>>) {
        to.push(&self.bound);
    }

    fn read(self, results: &mut Results) -> T {
        (self.read)(results.next().unwrap_or_default())
    }
}

impl<S: Steps> Steps for Vec<S> {
    type Output = Vec<S::Output>;

    fn statements<'s>(&'s self, to: &mut Vec<&'s BoundStatement<'s>>) {
        self.iter().for_each(|steps| steps.statements(to));
    }

    fn read(self, results: &mut Results) -> Self::Output {
        self.into_iter().map(|steps| steps.read(results)).collect()
    }
}

impl<S: Steps> Steps for Option<S> {
    type Output = Option<S::Output>;

    fn statements<'s>(&'s self, to: &mut Vec<&'s BoundStatement<'s>>) {
        self.iter().for_each(|steps| steps.statements(to));
    }

    fn read(self, results: &mut Results) -> Self::Output {
        self.map(|steps| steps.read(results))
    }
}

/// No steps.
impl Steps for () {
    type Output = ();

    fn statements<'s>(&'s self, _: &mut Vec<&'s BoundStatement<'s>>) {}

    fn read(self, _: &mut Results) {}
}

macro_rules! tuple {
    ($($part:ident $index:tt),*) => {
        impl<$($part: Steps),*> Steps for ($($part,)*) {
            type Output = ($($part::Output,)*);

            fn statements<'s>(&'s self, to: &mut Vec<&'s BoundStatement<'s>>) {
                $(self.$index.statements(to);)*
            }

            fn read(self, results: &mut Results) -> Self::Output {
                ($(self.$index.read(results),)*)
            }
        }
    };
}
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
