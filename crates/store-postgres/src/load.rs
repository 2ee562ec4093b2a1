//! Loading what a batch of commands must read: a table of a tenant a query, all under way at once.

use crate::cell::{self, Parameter};
use crate::connection::Step;
use crate::pipeline::{self, Sending};
use crate::pool::{Pool, WRITERS};
use crate::sql::read;
use crate::sql::rows::SqlRow;
use kernel::{Key, Links, NaturalKey, Reads, Rows, TenantId, View};
use ledger::{Account, Balance};
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::StoreFault;
use store::rows::{self, transfer};
use tokio_postgres::Row;

/// Puts the rows of one query into the view.
type Put<'a> = Box<dyn Fn(&mut View, &[Row]) -> Result<(), StoreFault> + Send + Sync + 'a>;

/// The queries of one writer's tenants, and what becomes of their answers.
#[derive(Default)]
struct Share<'a> {
    steps: Vec<Step<'a>>,
    puts: Vec<Put<'a>>,
}

/// The queries of each writer's tenants: they go over the session that commits them.
#[derive(Default)]
struct Loading<'a> {
    shares: [Share<'a>; WRITERS],
}

pub(crate) async fn load(pool: &Pool, reads: &Reads) -> Result<View, StoreFault> {
    let mut view = View::default();
    load_into(pool, reads, &mut view).await?;
    let mut links = Links::of(reads);
    while let Some(more) = links.next(&view) {
        load_into(pool, &more, &mut view).await?;
    }
    Ok(view)
}

async fn load_into(pool: &Pool, reads: &Reads, view: &mut View) -> Result<(), StoreFault> {
    expect_nothing(view, reads);
    let loading = Loading::of(reads);
    let wanted = loading.shares.iter().enumerate().filter(|(_, share)| !share.steps.is_empty());
    let asking = wanted.map(|(at, share)| -> Sending<'_, _> {
        Box::pin(async move { (share, rows(pool, at, &share.steps).await) })
    });
    for (share, found) in pipeline::all(asking.collect()).await {
        for (put, rows) in share.puts.iter().zip(found?) {
            put(view, &rows)?;
        }
    }
    Ok(())
}

/// Loads over the session for upkeep, which waits behind no commit and no caller's query.
pub(crate) async fn peek(pool: &Pool, reads: &Reads) -> Result<View, StoreFault> {
    let mut view = View::default();
    peek_into(pool, reads, &mut view).await?;
    let mut links = Links::of(reads);
    while let Some(more) = links.next(&view) {
        peek_into(pool, &more, &mut view).await?;
    }
    Ok(view)
}

async fn peek_into(pool: &Pool, reads: &Reads, view: &mut View) -> Result<(), StoreFault> {
    expect_nothing(view, reads);
    let Share { steps, puts } = Loading::of(reads).together();
    if steps.is_empty() {
        return Ok(());
    }
    let found = pool.upkeep().await?.rows(&steps).await?;
    for (put, rows) in puts.iter().zip(found) {
        put(view, &rows)?;
    }
    Ok(())
}

/// Puts into the view what is wanted before anything was found: an account without postings is at zero.
fn expect_nothing(view: &mut View, reads: &Reads) {
    for key in &reads.balances {
        view.balances.insert(key.clone(), Balance::default());
    }
}

async fn rows(pool: &Pool, share: usize, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreFault> {
    pool.writer(share).await?.rows(steps).await
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        impl<'a> Loading<'a> {
            fn everything(&mut self, reads: &'a Reads) {
                $(self.rows::<kernel::$row>(&reads.$rows, |view| &mut view.$rows);)*
            }
        }
    };
}
kernel::aggregates!(of_all);

/// What is read of an aggregate of one tenant.
#[derive(Default)]
struct Own<'a> {
    ids: Vec<i64>,
    /// By namespace.
    numbers: BTreeMap<&'a str, Vec<&'a NaturalKey>>,
}

impl<'a> Loading<'a> {
    fn of(reads: &'a Reads) -> Loading<'a> {
        let mut loading = Loading::default();
        loading.everything(reads);
        loading.balances(&reads.balances);
        loading
    }

    /// The queries of all writers' tenants, for one session.
    fn together(self) -> Share<'a> {
        let mut all = Share::default();
        for Share { steps, puts } in self.shares {
            all.steps.extend(steps);
            all.puts.extend(puts);
        }
        all
    }

    fn rows<A: SqlRow>(
        &mut self,
        keys: &'a [(TenantId, Key<A::Kind>)],
        of: fn(&mut View) -> &mut Rows<A>,
    ) {
        let mut tenants: BTreeMap<&TenantId, Own<'a>> = BTreeMap::new();
        for (tenant, key) in keys {
            let own = tenants.entry(tenant).or_default();
            match key {
                Key::Id(id) => own.ids.push(id.value()),
                Key::Number(number) => {
                    own.numbers.entry(&*number.namespace).or_default().push(number);
                }
            }
        }
        for (tenant, Own { ids, numbers }) in tenants {
            if !ids.is_empty() {
                self.ask(
                    tenant,
                    by_ids::<A>(tenant, ids),
                    Box::new(move |view, rows| {
                        cell::read(rows, rows::read)?
                            .into_iter()
                            .for_each(|row| of(view).load(row));
                        Ok(())
                    }),
                );
            }
            for (namespace, numbers) in numbers {
                let Some(step) = by_numbers::<A>(tenant, namespace, &numbers) else { continue };
                self.ask(
                    tenant,
                    step,
                    Box::new(move |view, rows| {
                        let found = numbered::<A>(rows, &numbers)?;
                        found.into_iter().for_each(|row| of(view).load(row));
                        Ok(())
                    }),
                );
            }
        }
    }

    fn ask(&mut self, tenant: &TenantId, step: Step<'a>, put: Put<'a>) {
        let share = &mut self.shares[Pool::share(tenant)];
        share.steps.push(step);
        share.puts.push(put);
    }

    fn balances(&mut self, keys: &'a [(TenantId, Account)]) {
        let mut tenants: BTreeMap<&TenantId, Vec<&Account>> = BTreeMap::new();
        for (tenant, account) in keys {
            tenants.entry(tenant).or_default().push(account);
        }
        for (tenant, accounts) in tenants {
            let names = accounts.into_iter().map(|account| Cow::Owned(account.key()));
            let parameters = [Parameter::text(tenant.as_str()), Parameter::texts(names)];
            let step = Step::new(&read::BALANCES_BY_ACCOUNT, parameters);
            self.ask(
                tenant,
                step,
                Box::new(|view, rows| {
                    let found = cell::read(rows, transfer::read_balance)?.into_iter();
                    view.balances
                        .extend(found.map(|(tenant, row)| ((tenant, row.account), row.balance)));
                    Ok(())
                }),
            );
        }
    }
}

/// Asks for rows of a tenant by their ids.
pub(crate) fn by_ids<A: SqlRow>(tenant: &TenantId, ids: Vec<i64>) -> Step<'_> {
    Step::new(&A::sql().by_ids, [Parameter::text(tenant.as_str()), Parameter::ints(ids)])
}

/// Asks for rows of a tenant by their numbers in a namespace; nothing where rows have no numbers.
pub(crate) fn by_numbers<'a, A: SqlRow>(
    tenant: &'a TenantId,
    namespace: &'a str,
    numbers: &[&'a NaturalKey],
) -> Option<Step<'a>> {
    let (columns, sql) = (A::TABLE.number?, A::sql().by_numbers.as_ref()?);
    let mut parameters = vec![Parameter::text(tenant.as_str())];
    if columns.namespace.is_some() {
        parameters.push(Parameter::text(namespace));
    }
    let numbers = numbers.iter().map(|key| Cow::Borrowed(key.number.as_str()));
    parameters.push(Parameter::texts(numbers));
    Some(Step::new(sql, parameters))
}

/// The rows that were asked for by number. A table of one namespace has no column for it: another
/// namespace's number is not its row.
pub(crate) fn numbered<A: SqlRow>(
    rows: &[Row],
    numbers: &[&NaturalKey],
) -> Result<Vec<A>, StoreFault> {
    let mut found: Vec<A> = cell::read(rows, rows::read)?;
    found.retain(|row| row.natural_key().is_some_and(|key| numbers.contains(&&key)));
    Ok(found)
}
