// Package notation runs verification plugins of the Notary Project, where notation would
// find them: DIR/NAME/notation-NAME (plugin-extensibility.md, "Plugin installation path").
//
//	p := &notation.Plugins{Dir: "/etc/notation/plugins", Environ: os.Environ()}
//	answer, err := p.Ask(ctx, "com.example.plugin", "verify-signature", request)
//
// The operator names the folder and with it what may run; a signature picks among that by
// a name, which is no path. It is not for judging what a plugin says: package verify does,
// whose Plugins this is.
package notation
