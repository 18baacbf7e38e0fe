package predicate

import "time"

// Provenance is how artifacts were built (SLSA provenance v0.2 and v1, in the words of
// v1). Members of it that only one version has are empty in the other.
type Provenance struct {
	Version    string // "v0.2" or "v1"
	BuildType  string
	Builder    Builder
	Invocation Invocation
	// External are the parameters under the control of who started the build, and
	// Internal those of the platform (v1); of v0.2, invocation.parameters and
	// invocation.environment. JSON; nil if there are none.
	External []byte
	Internal []byte
	// Config is what the build was told by (v0.2, invocation.configSource); its Name
	// is the entry point.
	Config       *Resource
	Dependencies []Resource // v1 resolvedDependencies, v0.2 materials
	Byproducts   []Resource
	// Complete is what the builder says of its own account (v0.2): nil where it says
	// nothing.
	Complete     Completeness
	Reproducible *bool
	// Extensions are members of the build's metadata that no specification knows, such
	// as those of BuildKit, by name.
	Extensions map[string][]byte
}

// Builder is who built.
type Builder struct {
	ID           string // a URI: whom a verifier trusts, or does not
	Version      map[string]string
	Dependencies []Resource
}

// Invocation is one run of a build.
type Invocation struct {
	ID                string
	Started, Finished time.Time // zero: not said
}

// Completeness says of which members the builder claims that nothing is left out.
type Completeness struct{ Parameters, Environment, Materials *bool }

// lacks names a member that is required and is not there.
func (p *Provenance) lacks() string {
	switch {
	case p.BuildType == "":
		return "buildType"
	case p.Builder.ID == "":
		return "builder.id"
	case p.Version == "v1" && p.External == nil:
		return "externalParameters"
	}
	return ""
}

func (p *Provenance) readV1(r *reading) {
	r.members(func(name string) {
		switch name {
		case "buildDefinition":
			r.members(func(name string) {
				switch name {
				case "buildType":
					p.BuildType = r.text()
				case "externalParameters":
					p.External = r.raw()
				case "internalParameters":
					p.Internal = r.raw()
				case "resolvedDependencies":
					p.Dependencies = r.resources()
				}
			})
		case "runDetails":
			r.members(func(name string) {
				switch name {
				case "builder":
					p.readBuilder(r)
				case "metadata":
					p.readMetadata(r)
				case "byproducts":
					p.Byproducts = r.resources()
				}
			})
		}
	})
}

func (p *Provenance) readV02(r *reading) {
	r.members(func(name string) {
		switch name {
		case "builder":
			p.readBuilder(r)
		case "buildType":
			p.BuildType = r.text()
		case "invocation":
			r.members(func(name string) {
				switch name {
				case "configSource":
					p.readConfig(r)
				case "parameters":
					p.External = r.raw()
				case "environment":
					p.Internal = r.raw()
				}
			})
		case "metadata":
			p.readMetadata(r)
		case "materials":
			p.Dependencies = r.resources()
		}
	})
}

func (p *Provenance) readConfig(r *reading) {
	p.Config = &Resource{}
	r.members(func(name string) {
		switch name {
		case "uri":
			p.Config.URI = r.text()
		case "digest":
			p.Config.Digests = r.digests()
		case "entryPoint":
			p.Config.Name = r.text()
		}
	})
}

func (p *Provenance) readBuilder(r *reading) {
	r.members(func(name string) {
		switch name {
		case "id":
			p.Builder.ID = r.text()
		case "version":
			p.Builder.Version = map[string]string{}
			r.members(func(name string) { p.Builder.Version[name] = r.text() })
		case "builderDependencies":
			p.Builder.Dependencies = r.resources()
		}
	})
}

// maxExtensions bounds the unknown members that are kept.
const maxExtensions = 64

func (p *Provenance) readMetadata(r *reading) {
	r.members(func(name string) {
		switch name {
		case "invocationId", "invocationID", "buildInvocationId", "buildInvocationID":
			p.Invocation.ID = r.text()
		case "startedOn", "buildStartedOn":
			p.Invocation.Started = r.time()
		case "finishedOn", "buildFinishedOn":
			p.Invocation.Finished = r.time()
		case "reproducible":
			p.Reproducible = r.flag()
		case "completeness":
			r.members(func(name string) {
				switch name {
				case "parameters":
					p.Complete.Parameters = r.flag()
				case "environment":
					p.Complete.Environment = r.flag()
				case "materials":
					p.Complete.Materials = r.flag()
				}
			})
		default:
			if len(p.Extensions) < maxExtensions {
				if p.Extensions == nil {
					p.Extensions = map[string][]byte{}
				}
				p.Extensions[name] = r.raw()
			}
		}
	})
}
