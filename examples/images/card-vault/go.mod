module lanternfish.example/card-vault

go 1.26.8

require (
	github.com/golang-jwt/jwt/v4 v4.5.0
	golang.org/x/crypto v0.45.0
)

require golang.org/x/sys v0.38.0 // indirect
