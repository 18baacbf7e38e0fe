// Package record puts together how an artifact came about from what transparency logs
// hold of it: verified facts with their log entries, in the order in which somebody vouches
// for their times. What a certificate in a log says of the run that signed (Fulcio's
// extensions) stands beside what the provenance says, and where they differ, that is said.
//
//	r := record.Of(digest, facts)
//	for _, e := range r.Entries { fmt.Println(e.At, e.What, e.Log) }
//
// It verifies nothing, and what is in no log is no part of a record: package verify says
// which facts hold, and Missing how many of them nobody logged.
package record
