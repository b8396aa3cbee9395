#include "jobs/job_schema.h"

#include "store/sqlite/versioned_file.h"

#include <array>

namespace telpher {
namespace {

constexpr std::array kMigrations = {
    // Times are microseconds since 1970. States are those of JobState, 7 = of a batch that is being
    // filled or let loose. `ready` is 1 when nothing but its turn keeps a pending job waiting.
    // `tallies` are kept by triggers: counting a month of jobs would take long.
    R"(CREATE TABLE jobs(
         seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,
         batch TEXT NOT NULL, priority INTEGER NOT NULL, not_before INTEGER,
         ready INTEGER NOT NULL, state INTEGER NOT NULL, spec TEXT NOT NULL,
         attempt INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
         started INTEGER, ended INTEGER, progress TEXT NOT NULL, error_code TEXT,
         error_message TEXT, error_retryable INTEGER, traces INTEGER
       );
       CREATE INDEX jobs_ready ON jobs(owner, priority DESC, seq) WHERE state=0 AND ready=1;
       CREATE INDEX jobs_later ON jobs(not_before) WHERE state=0 AND ready=0;
       CREATE INDEX jobs_by_state ON jobs(state, seq);
       CREATE INDEX jobs_by_owner ON jobs(owner, seq);
       CREATE INDEX jobs_by_batch ON jobs(batch, seq) WHERE batch<>'';
       CREATE INDEX jobs_by_traces ON jobs(traces) WHERE traces IS NOT NULL;
       CREATE INDEX jobs_by_end ON jobs(ended) WHERE ended IS NOT NULL;

       CREATE TABLE tallies(
         owner TEXT NOT NULL, batch TEXT NOT NULL, state INTEGER NOT NULL, count INTEGER NOT NULL,
         PRIMARY KEY(owner, batch, state)
       ) WITHOUT ROWID;
       CREATE TRIGGER jobs_counted AFTER INSERT ON jobs BEGIN
         INSERT INTO tallies VALUES(new.owner, new.batch, new.state, 1)
           ON CONFLICT(owner, batch, state) DO UPDATE SET count=count+1;
       END;
       CREATE TRIGGER jobs_recounted AFTER UPDATE OF state ON jobs WHEN old.state<>new.state BEGIN
         UPDATE tallies SET count=count-1
           WHERE owner=old.owner AND batch=old.batch AND state=old.state;
         INSERT INTO tallies VALUES(new.owner, new.batch, new.state, 1)
           ON CONFLICT(owner, batch, state) DO UPDATE SET count=count+1;
       END;
       CREATE TRIGGER jobs_uncounted AFTER DELETE ON jobs BEGIN
         UPDATE tallies SET count=count-1
           WHERE owner=old.owner AND batch=old.batch AND state=old.state;
       END;

       CREATE TABLE batches(
         id TEXT PRIMARY KEY, owner TEXT NOT NULL, created INTEGER NOT NULL,
         count INTEGER NOT NULL, committed INTEGER NOT NULL
       ) WITHOUT ROWID;
       CREATE TABLE keys(
         owner TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, target TEXT NOT NULL,
         created INTEGER NOT NULL, PRIMARY KEY(owner, key)
       ) WITHOUT ROWID;
       CREATE INDEX keys_by_target ON keys(target);
       CREATE TABLE deliveries(
         id INTEGER PRIMARY KEY, url TEXT NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL,
         attempts INTEGER NOT NULL, due INTEGER NOT NULL, created INTEGER NOT NULL
       );
       CREATE INDEX deliveries_by_due ON deliveries(due);)",
};

}  // namespace

Error job_error(const std::string& path, Error error) {
  const std::string& code = error.context.code;
  if (code == "SQLITE_CORRUPT" || code == "SQLITE_NOTADB" || code == "SQLITE_ERROR") {
    error.message = "The queue '" + path + "' is damaged (" + error.message +
                    "). Move it away and start again; what waited in it must be given again";
  } else if (code.starts_with("SQLITE_")) {
    error.message = "The queue '" + path + "' cannot be used: " + error.message;
  }
  return error;
}

Result<std::unique_ptr<Database>> open_job_database(const std::string& path,
                                                    const std::string& vfs) {
  return open_versioned_file({path, vfs, "queue", kMigrations});
}

}  // namespace telpher
