//! Loading what decisions read.

use crate::sql::read;
use crate::sql::rows::SqlRow;
use crate::statement::{Select, snapshot};
use kernel::{Key, Links, NaturalKey, Reads, TenantId, View};
use ledger::Balance;
use rusqlite::Connection;
use store::StoreFault;
use store::rows::{self, Value, transfer};

/// The tenant as a cell.
pub(crate) fn text(tenant: &TenantId) -> Value<'_> {
    Value::text(tenant.as_str())
}

/// Looks for rows of an aggregate by either name; each statement is prepared when first needed.
pub(crate) struct Finder<'c, A> {
    connection: &'c Connection,
    by_id: Option<Select<'c>>,
    by_number: Option<Select<'c>>,
    aggregate: std::marker::PhantomData<A>,
}

impl<'c, A: SqlRow> Finder<'c, A> {
    pub(crate) fn new(connection: &'c Connection) -> Finder<'c, A> {
        let aggregate = std::marker::PhantomData;
        Finder { connection, by_id: None, by_number: None, aggregate }
    }

    pub(crate) fn find(
        &mut self,
        tenant: &TenantId,
        key: &Key<A::Kind>,
    ) -> Result<Option<A>, StoreFault> {
        match key {
            Key::Id(id) => {
                let select =
                    prepared(self.connection, &mut self.by_id, A::TABLE.name, &A::sql().by_id)?;
                select.first(&[text(tenant), Value::Int(id.value())], rows::read)
            }
            Key::Number(number) => self.find_number(tenant, number),
        }
    }

    fn find_number(
        &mut self,
        tenant: &TenantId,
        key: &NaturalKey,
    ) -> Result<Option<A>, StoreFault> {
        let (Some(columns), Some(sql)) = (A::TABLE.number, &A::sql().by_number) else {
            return Ok(None);
        };
        let select = prepared(self.connection, &mut self.by_number, A::TABLE.name, sql)?;
        let number = Value::text(&key.number);
        let found: Option<A> = match columns.namespace {
            Some(_) => {
                select.first(&[text(tenant), Value::text(&key.namespace), number], rows::read)
            }
            None => select.first(&[text(tenant), number], rows::read),
        }?;
        // A table of one namespace has no column for it: another namespace's number is not its row.
        Ok(found.filter(|row| row.natural_key().as_ref() == Some(key)))
    }
}

fn prepared<'s, 'c>(
    connection: &'c Connection,
    select: &'s mut Option<Select<'c>>,
    table: &'static str,
    sql: &str,
) -> Result<&'s mut Select<'c>, StoreFault> {
    match select {
        Some(select) => Ok(select),
        none => Ok(none.insert(Select::new(connection, table, sql)?)),
    }
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        fn load_rows(
            connection: &Connection,
            reads: &Reads,
            view: &mut View,
        ) -> Result<(), StoreFault> {
            $(
                let mut finder = Finder::<kernel::$row>::new(connection);
                for (tenant, key) in &reads.$rows {
                    if let Some(row) = finder.find(tenant, key)? {
                        view.$rows.load(row);
                    }
                }
            )*
            Ok(())
        }
    };
}
kernel::aggregates!(of_all);

/// Loads the reads from one snapshot.
pub(crate) fn load(connection: &mut Connection, reads: &Reads) -> Result<View, StoreFault> {
    snapshot(connection, |snapshot| {
        let mut view = View::default();
        load_rows(snapshot, reads, &mut view)?;
        load_balances(snapshot, reads, &mut view)?;
        let mut links = Links::of(reads);
        while let Some(more) = links.next(&view) {
            load_rows(snapshot, &more, &mut view)?;
            load_balances(snapshot, &more, &mut view)?;
        }
        Ok(view)
    })
}

fn load_balances(
    connection: &Connection,
    reads: &Reads,
    view: &mut View,
) -> Result<(), StoreFault> {
    if reads.balances.is_empty() {
        return Ok(());
    }
    let mut select = Select::new(connection, transfer::BALANCES.name, &read::BALANCE)?;
    for (tenant, account) in &reads.balances {
        let key = Value::owned(account.key());
        let found = select.first(&[text(tenant), key], transfer::read_balance)?;
        let balance = found.map_or(Balance::default(), |(_, row)| row.balance);
        view.balances.insert((tenant.clone(), account.clone()), balance);
    }
    Ok(())
}
