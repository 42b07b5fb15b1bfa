//! The database of the examples: documents of several organizations, in SQLite.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use artos_auth_engine::ResourceOrg;
use rusqlite::{Connection, OptionalExtension};

/// A query that failed.
pub(crate) type DatabaseError = Box<dyn Error + Send + Sync>;

/// The documents.
#[derive(Clone)]
pub(crate) struct Documents(Arc<Mutex<Connection>>);

impl Documents {
    /// A database in memory with three documents, of which one has no owner.
    pub(crate) fn demonstration() -> rusqlite::Result<Self> {
        let database = Connection::open_in_memory()?;
        database.execute_batch(
            "CREATE TABLE documents (id TEXT PRIMARY KEY, org_id TEXT, text TEXT NOT NULL);
             INSERT INTO documents VALUES ('doc-a', 'org-a', 'this is doc-a'), ('doc-b', 'org-b', 'this is doc-b'),
                 ('doc-without-owner', NULL, 'this document has no owner');",
        )?;
        Ok(Self(Arc::new(Mutex::new(database))))
    }

    /// Who owns a document. A missing row and a NULL owner are both unresolved, so that nobody may read it.
    pub(crate) async fn owner_of(&self, id: String) -> Result<ResourceOrg<'static>, DatabaseError> {
        let owner: Option<String> = self
            .query(move |database| {
                let mut statement = database.prepare("SELECT org_id FROM documents WHERE id = ?1")?;
                Ok(statement.query_row([id], |row| row.get(0)).optional()?.flatten())
            })
            .await?;
        Ok(owner.map_or(ResourceOrg::Unresolved, |organization| ResourceOrg::Owned(organization.into())))
    }

    /// The text of a document of this organization. Every query filters by organization (ORG-4).
    pub(crate) async fn text_of(
        &self,
        id: String,
        organization: String,
    ) -> Result<Option<String>, DatabaseError> {
        self.query(move |database| {
            let mut statement =
                database.prepare("SELECT text FROM documents WHERE id = ?1 AND org_id = ?2")?;
            statement.query_row([id, organization], |row| row.get(0)).optional()
        })
        .await
    }

    /// Queries the database on a thread that may block.
    pub(crate) async fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let database = Arc::clone(&self.0);
        let query = move || query(&database.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(tokio::task::spawn_blocking(query).await??)
    }
}
