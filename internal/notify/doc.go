// Package notify tells others what changed: signed HTTP requests to the addresses
// that an operator configured, tried again until they are taken.
//
// A message is delivered at least once. Its form, its signature and what a receiver
// has to answer are those of Standard Webhooks 1.0.
//
// It is not a queue: what is told is how findings differ from what the receiver was
// told before, so that an hour without a receiver is one message and not thousands.
//
//	h, err := notify.NewHook("tickets", "https://hooks.example/cofferdam", secret)
//	f := &notify.Follower[report.RunningFinding, notify.Told]{Kind: notify.Findings(), Hook: h, File: "webhook-tickets.json", Current: current}
//	f.Run(ctx)
package notify
