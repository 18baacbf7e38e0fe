package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// scan has syft pull the image from the registry and write its SBOM. Package
// data only: file catalogues would multiply the size and answer no question here.
func scan(ctx context.Context, syft string, reg *localRegistry, ref string, r recipe, out string) error {
	cmd := exec.CommandContext(ctx, syft, "scan", "registry:"+ref,
		"--platform", r.Platforms[0],
		"--select-catalogers", "-file",
		"--output", r.SBOM+"="+filepath.Join(out, r.sbomFile()))
	cmd.Env = append(os.Environ(),
		"HTTP_PROXY="+reg.proxy.String(), "NO_PROXY=",
		"SYFT_REGISTRY_INSECURE_USE_HTTP=true",
		"SYFT_CHECK_FOR_APP_UPDATE=false",
		"SYFT_FILE_METADATA_SELECTION=none",
		"SYFT_PACKAGE_EXCLUDE_BINARY_OVERLAP_BY_OWNERSHIP=false",
		"SYFT_RELATIONSHIPS_PACKAGE_FILE_OWNERSHIP=false",
		"SYFT_RELATIONSHIPS_PACKAGE_FILE_OWNERSHIP_OVERLAP=false",
		"SYFT_FORMAT_PRETTY=false",
		// Nothing is looked up remotely; without these, syft's own JSON would still name the hosts it could have asked.
		"SYFT_GOLANG_PROXY=off",
		"SYFT_JAVASCRIPT_NPM_BASE_URL=off",
	)
	return command(cmd)
}
