#include "probe.h"

#include <stdio.h>
#include <string.h>

static const struct probe *const all[] = {
	kernel_probes, mount_probes, privilege_probes, engine_probes, proc_probes, control_group_probes, network_probes, abuse_probes, mischief_probes, stage_probes, secret_probes,
};

static const struct probe *find(const char *name)
{
	for (size_t group = 0; group < sizeof all / sizeof *all; group++)
		for (const struct probe *probe = all[group]; probe->name != NULL; probe++)
			if (strcmp(probe->name, name) == 0)
				return probe;
	return NULL;
}

int main(int argc, char **argv)
{
	const struct probe *probe = argc < 2 ? NULL : find(argv[1]);

	if (probe == NULL) {
		(void)fprintf(stderr, "usage: glovebox-probe <name> [argument ...]\n");
		return 64;
	}
	probe->run(argc - 2, argv + 2);
	return 0;
}
