//! A session with the database: prepared statements, pipelined transactions, deadlines.
//!
//! What belongs together is sent in one go before the first answer is awaited. So a transaction
//! never stands open while something else is waited for, and it runs to its end even when nobody
//! waits for it any more.

use crate::address::Address;
use crate::cell::Parameter;
use crate::fault::{self, unavailable};
use crate::pipeline::{self, Sending};
use crate::sql::{Sql, session};
use std::collections::HashMap;
use std::time::Duration;
use store::StoreFault;
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

/// How long answers may take: longer than the server allows a statement, and short enough for a
/// caller to hear of it in its own API.
const ANSWER_SECONDS_MAX: u64 = 12;
/// The same for a look at everything.
const LONG_ANSWER_SECONDS_MAX: u64 = 900;

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Loads and commits.
    Commit,
    /// Claims and answers queries.
    Read,
}

/// How long a snapshot may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as any answer may take.
    Usual,
    /// As long as reading everything takes.
    Long,
}

/// A statement with its parameters.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) sql: &'static Sql,
    pub(crate) parameters: Vec<Parameter<'a>>,
}

impl<'a> Step<'a> {
    pub(crate) fn new(
        sql: &'static Sql,
        parameters: impl IntoIterator<Item = Parameter<'a>>,
    ) -> Step<'a> {
        Step { sql, parameters: parameters.into_iter().collect() }
    }
}

/// The answer to one request.
type Answer = Result<Vec<Row>, Error>;

/// A session.
pub(crate) struct Connection {
    client: Client,
    driver: AbortHandle,
    statements: HashMap<&'static str, Statement>,
    /// Nothing more is sent over it.
    lost: bool,
}

impl Connection {
    /// Opens a session.
    pub(crate) async fn open(
        address: &Address,
        purpose: Purpose,
    ) -> Result<Connection, StoreFault> {
        let (client, driver) = address.connect().await?;
        let statements = HashMap::new();
        let mut connection = Connection { client, driver, statements, lost: false };
        connection.run(&session::SETTINGS).await?;
        match purpose {
            Purpose::Commit => connection.run(session::COMMITTING).await?,
            Purpose::Read => {}
        }
        Ok(connection)
    }

    /// Whether it cannot be used any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost || self.client.is_closed()
    }

    /// Runs plain text.
    pub(crate) async fn run(&mut self, text: &'static str) -> Result<(), StoreFault> {
        let answers = self.send(vec![plain(&self.client, text)], Patience::Usual).await?;
        answers.into_iter().try_for_each(|answer| self.checked(answer).map(|_| ()))
    }

    /// Runs statements, each on its own; one answer each.
    pub(crate) async fn each(&mut self, steps: &[Step<'_>]) -> Result<Vec<Answer>, StoreFault> {
        self.prepare(steps.iter()).await?;
        let mut requests = Vec::with_capacity(steps.len());
        for step in steps {
            requests.push(self.request(step)?);
        }
        let answers = self.send(requests, Patience::Usual).await?;
        answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .for_each(|error| self.note(error));
        Ok(answers)
    }

    /// The rows of statements that run each on its own.
    pub(crate) async fn rows(&mut self, steps: &[Step<'_>]) -> Result<Vec<Vec<Row>>, StoreFault> {
        let answers = self.each(steps).await?;
        answers.into_iter().map(|answer| answer.map_err(|error| fault::store(&error))).collect()
    }

    /// The rows of statements that all see the same moment.
    pub(crate) async fn snapshot(
        &mut self,
        steps: &[Step<'_>],
        patience: Patience,
    ) -> Result<Vec<Vec<Row>>, StoreFault> {
        self.prepare(steps.iter()).await?;
        let begin = match patience {
            Patience::Usual => session::SNAPSHOT,
            Patience::Long => session::LONG_SNAPSHOT,
        };
        let requests = self.transaction(begin, steps)?;
        let mut answers = self.send(requests, patience).await?.into_iter();
        let begun = answers.next().map_or_else(|| Ok(vec![]), |answer| self.checked(answer));
        begun?;
        let mut found = Vec::with_capacity(steps.len());
        for answer in answers {
            found.push(answer.map_err(|error| {
                self.note(&error);
                fault::query(&error)
            })?);
        }
        found.truncate(steps.len());
        Ok(found)
    }

    /// Runs transactions one behind the other, and says of each how it ended: its first error is why
    /// it was rolled back.
    pub(crate) async fn transactions(
        &mut self,
        begin: &'static str,
        transactions: &[Vec<Step<'_>>],
    ) -> Result<Vec<Result<(), Error>>, StoreFault> {
        self.prepare(transactions.iter().flatten()).await?;
        let mut requests = vec![];
        for steps in transactions {
            requests.extend(self.transaction(begin, steps)?);
        }
        let mut answers = self.send(requests, Patience::Usual).await?.into_iter();
        let mut outcomes = Vec::with_capacity(transactions.len());
        for steps in transactions {
            // Every answer is taken, so that none is left for the next transaction.
            let own: Vec<Answer> = answers.by_ref().take(steps.len() + 2).collect();
            let first = own.into_iter().find_map(Result::err);
            first.iter().for_each(|error| self.note(error));
            outcomes.push(first.map_or(Ok(()), Err));
        }
        Ok(outcomes)
    }

    /// The requests of a transaction: what begins it, its statements, what ends it.
    fn transaction<'s>(
        &'s self,
        begin: &'static str,
        steps: &'s [Step<'_>],
    ) -> Result<Vec<Sending<'s, Answer>>, StoreFault> {
        let mut requests = Vec::with_capacity(steps.len() + 2);
        requests.push(plain(&self.client, begin));
        for step in steps {
            requests.push(self.request(step)?);
        }
        requests.push(plain(&self.client, session::COMMIT));
        Ok(requests)
    }

    fn request<'s>(&'s self, step: &'s Step<'_>) -> Result<Sending<'s, Answer>, StoreFault> {
        let statement = self.statements.get(step.sql.name.as_str());
        let statement = statement
            .ok_or_else(|| StoreFault::Failed(format!("{} is not prepared", step.sql.name)))?;
        let parameters: Vec<&(dyn ToSql + Sync)> =
            step.parameters.iter().map(|parameter| parameter as &(dyn ToSql + Sync)).collect();
        Ok(Box::pin(async move { self.client.query(statement, &parameters).await }))
    }

    /// Prepares what is not prepared yet.
    async fn prepare<'s>(
        &mut self,
        steps: impl Iterator<Item = &'s Step<'s>>,
    ) -> Result<(), StoreFault> {
        let mut missing: Vec<&'static Sql> = vec![];
        for step in steps {
            let name = step.sql.name.as_str();
            let known = self.statements.contains_key(name);
            if !known && missing.iter().all(|sql| sql.name != name) {
                missing.push(step.sql);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let client = &self.client;
        let requests = missing.iter().map(|sql| -> Sending<'_, Result<Statement, Error>> {
            Box::pin(client.prepare(&sql.text))
        });
        let prepared = self.send(requests.collect(), Patience::Usual).await?;
        for (sql, statement) in missing.iter().zip(prepared) {
            let statement = self.checked(statement)?;
            self.statements.insert(&sql.name, statement);
        }
        Ok(())
    }

    /// Sends requests and waits for the answers, but not without end. The deadline's caller loses the
    /// session, and with it what is still under way.
    async fn send<T>(
        &self,
        requests: Vec<Sending<'_, T>>,
        patience: Patience,
    ) -> Result<Vec<T>, StoreFault> {
        let limit_seconds = match patience {
            Patience::Usual => ANSWER_SECONDS_MAX,
            Patience::Long => LONG_ANSWER_SECONDS_MAX,
        };
        let answers = pipeline::all(requests);
        match tokio::time::timeout(Duration::from_secs(limit_seconds), answers).await {
            Ok(answers) => Ok(answers),
            Err(_) => {
                self.driver.abort();
                Err(unavailable(format!("no answer within {limit_seconds} s")))
            }
        }
    }

    fn checked<T>(&mut self, answer: Result<T, Error>) -> Result<T, StoreFault> {
        answer.map_err(|error| {
            self.note(&error);
            fault::query(&error)
        })
    }

    /// An error that was not expected ends the session: the next call begins a fresh one.
    fn note(&mut self, error: &Error) {
        self.lost |= fault::ends_session(error);
    }
}

fn plain<'s>(client: &'s Client, text: &'static str) -> Sending<'s, Answer> {
    Box::pin(async move { client.batch_execute(text).await.map(|()| vec![]) })
}

#[cfg(test)]
mod tests {
    use super::{Connection, Purpose, Step};
    use crate::address::Address;
    use crate::cell::Parameter;
    use crate::schema::migrate;
    use crate::sql::rows::{SqlRow, every};
    use crate::sql::{Sql, claim, commit, read, session};
    use test_postgres::Database;
    use tokio_postgres::error::SqlState;

    async fn opened(purpose: Purpose) -> Option<(Database, Connection)> {
        let database = test_postgres::server()?.database().await;
        let address = Address::read(&database.url()).expect("a good URL");
        migrate(&address).await.expect("the schema is new");
        let connection = Connection::open(&address, purpose).await.expect("a session");
        Some((database, connection))
    }

    fn opening(account: &'static str) -> Step<'static> {
        let accounts = Parameter::texts([account.into()]);
        Step::new(&commit::OPEN_BALANCES, [Parameter::text("100001"), accounts])
    }

    async fn accounts(connection: &mut Connection) -> usize {
        let look = Step::new(&read::ACCOUNTS, [Parameter::text("100001")]);
        connection.rows(&[look]).await.expect("the balances").concat().len()
    }

    /// The statements behind a BEGIN that was cancelled are on their way already.
    #[tokio::test]
    async fn a_session_that_commits_writes_nothing_outside_a_transaction() {
        let Some((_database, mut connection)) = opened(Purpose::Commit).await else { return };
        let answers = connection.each(&[opening("suspense/1")]).await.expect("an answer");
        let code = answers[0].as_ref().err().and_then(|error| error.code());
        assert_eq!(code, Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
        assert!(connection.is_lost(), "and is not trusted any more");
        let Some((_database, mut connection)) = opened(Purpose::Commit).await else { return };
        let outcomes =
            connection.transactions(session::BEGIN, &[vec![opening("suspense/1")]]).await;
        assert!(matches!(outcomes.as_deref(), Ok([Ok(())])), "{outcomes:?}");
        assert_eq!(accounts(&mut connection).await, 1);
    }

    /// The caller of a commit may give up; the commit does not stop half-way.
    #[tokio::test]
    async fn a_transaction_that_nobody_waits_for_runs_to_its_end() {
        let Some((_database, mut connection)) = opened(Purpose::Commit).await else { return };
        let warm = connection.transactions(session::BEGIN, &[vec![opening("suspense/1")]]).await;
        assert!(matches!(warm.as_deref(), Ok([Ok(())])), "{warm:?}");
        let transactions = [vec![opening("suspense/2")]];
        {
            let mut given_up =
                std::pin::pin!(connection.transactions(session::BEGIN, &transactions));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(given_up.as_mut().poll(&mut context).is_pending(), "sent, not answered");
        }
        assert_eq!(accounts(&mut connection).await, 2);
    }

    /// One that is refused does not disturb those behind it in the same pipeline.
    #[tokio::test]
    async fn transactions_in_one_pipeline_are_apart() {
        let Some((_database, mut connection)) = opened(Purpose::Commit).await else { return };
        let missing = Step::new(
            &kernel::Tenant::sql().update,
            std::iter::once(Parameter::text("100001"))
                .chain([1, 1, 2, 3, 0].map(|number| Parameter::ints([number])))
                .chain([
                    Parameter::texts(["contradiction".into()]),
                    Parameter::texts(["why".into()]),
                ])
                .chain([Parameter::ints([0])])
                .chain([Parameter::texts(["name".into()]), Parameter::ints([1])]),
        );
        let outcomes = connection
            .transactions(
                session::BEGIN,
                &[
                    vec![opening("suspense/1")],
                    vec![opening("suspense/2"), missing, opening("suspense/3")],
                    vec![opening("suspense/4")],
                ],
            )
            .await
            .expect("the session holds");
        assert!(matches!(outcomes.as_slice(), [Ok(()), Err(_), Ok(())]), "{outcomes:?}");
        assert!(!connection.is_lost(), "a refusal was expected");
        assert_eq!(accounts(&mut connection).await, 2);
    }

    /// How the server means to run a statement whose parameters are these; all empty where none are
    /// given.
    async fn plan(connection: &Connection, sql: &Sql, parameters: Option<&str>) -> String {
        let client = &connection.client;
        let prepare = format!("PREPARE look AS {}", sql.text);
        client.batch_execute(&prepare).await.expect("it can be prepared");
        let count = (1..).take_while(|n| sql.text.contains(&format!("${n}"))).count();
        let nulls = vec!["NULL"; count].join(", ");
        let execute = match parameters.unwrap_or(&nulls) {
            "" => "EXECUTE look".to_owned(),
            parameters => format!("EXECUTE look({parameters})"),
        };
        let plan = client.simple_query(&format!("EXPLAIN {execute}")).await.expect("a plan");
        client.batch_execute("DEALLOCATE look").await.expect("it goes");
        format!("{plan:?}")
    }

    /// A plan is made once, while the tables may be empty, and must do when they are full.
    #[tokio::test]
    async fn plans_go_by_index() {
        let Some((_database, connection)) = opened(Purpose::Read).await else { return };
        let of_rows = every().into_iter().flat_map(|sql| {
            let writes = [&sql.insert, &sql.update].into_iter().chain(&sql.insert_terms);
            writes.chain([&sql.by_ids]).chain(&sql.by_numbers)
        });
        let others = [commit::every(), claim::every(), vec![&*read::BALANCES_BY_ACCOUNT]].concat();
        for sql in of_rows.chain(others) {
            let plan = plan(&connection, sql, None).await;
            assert!(!plan.contains("Seq Scan"), "{}: {plan}", sql.name);
        }
        // A tenant has many orders.
        let sql = kernel::Order::sql();
        let by_numbers = sql.by_numbers.as_ref().expect("orders have numbers");
        let whole_keys = [
            (by_numbers, "(namespace = $2) AND (merchant_order_no = ANY ($3))"),
            (&sql.by_ids, "(id = ANY ($2))"),
        ];
        for (sql, key) in whole_keys {
            let plan = plan(&connection, sql, None).await;
            assert!(plan.contains(key), "{}: {plan}", sql.name);
        }
    }

    /// The newest of many events is found near the end of the table, what a person must look at by the
    /// index that has nothing else, and the rows of a story by its events.
    #[tokio::test]
    async fn looks_for_few_rows_do_not_read_all() {
        let Some((_database, connection)) = opened(Purpose::Read).await else { return };
        let fill = "BEGIN; INSERT INTO events SELECT '100001', n / 3, n,
                CASE n % 3 WHEN 0 THEN 'order' ELSE 'notification' END, n, 1, n, 'clock', 'queued',
                NULL, repeat('x', 400)
            FROM generate_series(1, 400000) AS row (n);
            INSERT INTO notifications SELECT
                CASE n % 50 WHEN 0 THEN (100001 + n / 50 % 20)::text ELSE '100001' END,
                n, 'order', n, 'N', n / 3, 'paid', 'wecard', 'https://shop.example', n, 1, NULL, 0,
                CASE n % 50 WHEN 0 THEN 'notification_given_up' END,
                CASE n % 50 WHEN 0 THEN 'why' END, CASE n % 50 WHEN 0 THEN n END,
                'given_up', n, 1, 0
            FROM generate_series(1, 100000) AS row (n); COMMIT";
        connection.client.batch_execute(fill).await.expect("the rows are written");
        let tidy = "VACUUM ANALYZE events, notifications";
        // Several tables in one VACUUM are several transactions: a batch of one statement.
        connection.client.batch_execute(tidy).await.expect("the ranges are known");
        let notifications = kernel::Notification::sql();
        let wants = [
            (&*read::LAST_ID, "399000", "events_by_id"),
            (
                &notifications.attention,
                "90000, '', 0, NULL, 20",
                "attention_times_of_notifications",
            ),
            // A tenant that has most of the rows is read by their times as well: this one has few.
            (
                &notifications.attention_of_tenant,
                "'100007', 90000, '', 0, NULL, 20",
                "attention_of_notifications",
            ),
            (&notifications.of_root, "'100001', 20000", "events_pkey"),
            (&notifications.of_root, "'100001', 20000", "notifications_pkey"),
            (&*read::EVENTS_OF_ROOT, "'100001', 20000", "events_pkey"),
            (&*read::EVENTS_OF_NOTIFICATIONS, "'100001', 90000, 0, NULL, 20", "events_pkey"),
            (&*read::TASKS_OF_ROOT, "'100001', 20000", "events_pkey"),
            (&*read::NOTIFICATIONS, "'100001', 90000, 70000, 'due', 20", "notifications_pkey"),
            (&*read::NOTIFICATION_REACHED, "'100001', 90000, 19999", "notifications_pkey"),
        ];
        connection.client.batch_execute(session::SNAPSHOT).await.expect("it begins");
        for (sql, parameters, index) in wants {
            let plan = plan(&connection, sql, Some(parameters)).await;
            assert!(plan.contains(index), "{}: {plan}", sql.name);
            let reads_all = ["Seq Scan on events", "Seq Scan on notifications"];
            assert!(!reads_all.iter().any(|scan| plan.contains(scan)), "{}: {plan}", sql.name);
            // These are as long as a page, in the order of their index.
            let is_sorted = index.starts_with("attention") && plan.contains("Sort");
            assert!(!is_sorted, "{}: {plan}", sql.name);
        }
    }

    /// A function of the name that Citus has. The server still plans for itself.
    const STAND_IN: &str = "CREATE FUNCTION create_distributed_table(table_name regclass,
        distribution_column text, colocate_with text DEFAULT 'default') RETURNS void
        LANGUAGE sql AS 'SELECT'";

    async fn plan_cache_mode(connection: &Connection) -> String {
        let shown = connection.client.simple_query("SHOW plan_cache_mode").await;
        let shown = shown.expect("a setting");
        let row = shown.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        row.expect("a setting").to_owned()
    }

    /// A plan for any tenant is one for no node in particular, and Citus refuses to make it.
    #[tokio::test]
    async fn a_distributed_server_plans_for_the_tenant_at_hand() {
        let Some((database, plain)) = opened(Purpose::Commit).await else { return };
        assert_eq!(plan_cache_mode(&plain).await, "force_generic_plan");
        database.client().await.batch_execute(STAND_IN).await.expect("a stand-in");
        let address = Address::read(&database.url()).expect("a good URL");
        for purpose in [Purpose::Commit, Purpose::Read] {
            let mut connection = Connection::open(&address, purpose).await.expect("a session");
            assert_eq!(plan_cache_mode(&connection).await, "force_custom_plan", "{purpose:?}");
            for begin in [session::BEGIN, session::SNAPSHOT, session::LONG_SNAPSHOT] {
                connection.run(begin).await.expect("it begins");
                assert_eq!(plan_cache_mode(&connection).await, "force_custom_plan", "{begin}");
                connection.run(session::COMMIT).await.expect("it ends");
                assert_eq!(plan_cache_mode(&connection).await, "force_custom_plan", "{begin}");
            }
            match purpose {
                Purpose::Commit => {
                    let outcomes = connection
                        .transactions(session::BEGIN, &[vec![opening("suspense/1")]])
                        .await;
                    assert!(matches!(outcomes.as_deref(), Ok([Ok(())])), "{outcomes:?}");
                }
                Purpose::Read => {
                    connection.run(&session::MEASURE).await.expect("the tables are measured");
                    assert_eq!(accounts(&mut connection).await, 1);
                }
            }
            assert_eq!(plan_cache_mode(&connection).await, "force_custom_plan", "{purpose:?}");
        }
    }
}
