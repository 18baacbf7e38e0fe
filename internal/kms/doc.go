// Package kms asks helper programs for keys that a key management service keeps, so that
// no cloud's code is linked: awskms://…, gcpkms://…, azurekms://…, hashivault://… or any
// other NAME://….
//
//	k, err := kms.Find("hashivault://release", os.Getenv)
//	pem, err := k.PublicKey(ctx)
//	sig, err := k.Sign(ctx, message, crypto.SHA256)
//
// The program is cofferdam-kms-NAME, or sigstore-kms-NAME where there is none: both speak
// Sigstore's protocol of KMS plugins, version v1 (docs/kms.md). It is not for judging what
// a helper says: who signs verifies the signature, and who verifies reads a public key.
package kms
