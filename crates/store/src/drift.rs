//! Keeping what people did to our items. Few items have any, so each is written by itself.

use domain::MirrorName;
use engine::port::{Drift, DriftWrite};

use crate::backend::{Arg, Backend, Session, transact};
use crate::fault::Fault;
use crate::sql::Sql;

pub(crate) async fn drifts(backend: &Backend, mirror: &MirrorName) -> Result<Vec<Drift>, Fault> {
    const DRIFTS: Sql = Sql::same(
        "SELECT calendar, kind, id, part, body FROM drift WHERE mirror = $1 \
         ORDER BY calendar, kind, id, part",
    );
    let rows = backend.reader().await?.cells(DRIFTS, &[Arg::Text(mirror.as_str())]).await?;
    rows.iter()
        .map(|row| {
            let place = [row.text(0)?, row.text(1)?, row.text(2)?, row.text(3)?].join("/");
            serde_json::from_str(&row.text(4)?)
                .map_err(|error| Fault::corrupt("drift", place, error))
        })
        .collect()
}

pub(crate) async fn put(
    backend: &Backend,
    mirror: &MirrorName,
    writes: &[DriftWrite],
) -> Result<(), Fault> {
    let writes: Vec<&DriftWrite> = writes.iter().collect();
    let writes = &writes;
    transact!(backend, |session| write_all(session, mirror, writes))
}

/// Carries out writes, in their order.
pub(crate) async fn write_all(
    session: &mut Session,
    mirror: &MirrorName,
    writes: &[&DriftWrite],
) -> Result<(), Fault> {
    const PUT: Sql = Sql::same(
        "INSERT INTO drift (mirror, calendar, kind, id, part, standing, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (mirror, calendar, kind, id, part) \
         DO UPDATE SET standing = excluded.standing, body = excluded.body",
    );
    const REMOVE: Sql = Sql::same(
        "DELETE FROM drift WHERE mirror = $1 AND calendar = $2 AND kind = $3 AND id = $4 \
         AND part = $5",
    );
    for write in writes {
        let (calendar, key) = write.place();
        let part = key.part.to_string();
        let (kind, id) = (key.entity.kind.as_str(), key.entity.id.as_str());
        let place = [mirror.as_str(), calendar.as_str(), kind, id, &part].map(Arg::Text);
        match write {
            DriftWrite::Put(drift) => {
                let body = serde_json::to_string(drift)
                    .map_err(|error| Fault::corrupt("drift", key.to_string(), error))?;
                let [mirror, calendar, kind, id, part] = place;
                let standing = Arg::Text(drift.standing.as_str());
                let args = [mirror, calendar, kind, id, part, standing, Arg::Text(&body)];
                session.run(PUT, &args).await?;
            }
            DriftWrite::Remove { .. } => {
                session.run(REMOVE, &place).await?;
            }
        }
    }
    Ok(())
}
