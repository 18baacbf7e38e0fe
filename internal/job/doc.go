// Package job does something at a time of day: once for each server that shares a store,
// and never on two of them at once. What became of it is a state of the store
// (store.StateJob), with its history and its records in the journal. What was due while no
// server ran is done when one starts; what failed is tried again, later and later.
//
// It knows nothing of what is done, and has no way to do something on one server only: each
// has files of its own to refresh.
//
//	j := &job.Job{Name: "nightly", Server: "sbom-0", Store: s, At: job.Schedule{Hour: 2 * time.Hour}, Do: refresh, Now: time.Now, Log: log}
//	j.Run(ctx)
package job
