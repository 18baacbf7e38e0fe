// Package authz says who may do what: actors, the roles they hold, and the
// actions that each role allows. It decides and remembers nothing; who a caller is
// (tokens, OpenID Connect) is the server's to establish.
//
//	a := authz.Actor{Subject: "ci@shop", Roles: []authz.Role{authz.Publisher}}
//	if err := a.Authorize(authz.PutDocument, "shop"); err != nil {
//		return err // an ident.Error of kind refused that names the role which would do
//	}
package authz
