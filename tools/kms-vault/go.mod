module github.com/cofferdam-io/cofferdam/tools/kms-vault

go 1.26
