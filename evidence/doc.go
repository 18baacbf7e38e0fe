// Package evidence holds the journal: one record for every mutation (who did
// what to which object, when, with the digests before and after), each bound to
// the one before it by its hash, and checkpoints that sign the end of the chain.
//
// It is not a store: a store writes the encodings that Append returns, in the
// same transaction as what they record, and hands them to a Verifier. It is not
// a transparency log either: a chain shows that a history was altered, and a
// checkpoint that left the machine shows that it was cut; it does not give short
// proofs about a single record. It reads no clock: times are given.
//
//	head, encoding := head.Append(evidence.Record{Time: now, Actor: "ci", Action: "document.add", Object: "document/7"})
//	note, err := evidence.Sign(evidence.Checkpoint{Origin: origin, Head: head}, signer)
//	v := evidence.NewVerifier(evidence.Head{}, checkpoints...)
//
// # The bytes of a record
//
// A record is encoded in exactly one way, and Decode accepts no other:
//
//	byte      version, 1
//	uvarint   sequence number, from 1
//	varint    time in microseconds since 1970-01-01T00:00:00Z (zigzag)
//	32 bytes  hash of the previous record; zeros for the first
//	string    actor     (each string: uvarint length in bytes, then the bytes)
//	string    action
//	string    object
//	string    digest before, "" where there was nothing
//	string    digest after, "" where nothing is left
//
// Varints are those of encoding/binary in their shortest form. The hash of a
// record is SHA-256 over the text "cofferdam.dev/journal/record/v1", a zero byte
// and the encoding: the prefix keeps a record's hash from ever being the hash of
// anything else that the program signs.
//
// # The bytes of a checkpoint
//
// A checkpoint is a C2SP signed note (c2sp.org/signed-note) whose text is three
// lines: the origin, the sequence number in decimal, and the hash of that record
// in standard base64. The text has the shape of a C2SP tlog-checkpoint, but its
// hash is the head of a chain and not the root of a Merkle tree; the origin says
// which it is, so no verifier of one takes the other.
package evidence
