#!/usr/bin/env node
// @actions/artifact, of which actions/upload-artifact is made, as a command of a running job: `NAME FOLDER AGAIN`
// uploads what is in a folder, and downloads it again to another one. From 12.19 on @azure/storage-blob loses the "=" at
// the end of the signature in Forgejo's addresses, which the server then refuses with or without a proxy.

import { readdirSync } from "node:fs";
import { join } from "node:path";

// It takes every server but GitHub's for one that knows no artifacts of version 4; forks for Forgejo leave that out.
process.env.GITHUB_SERVER_URL = "https://github.com";
const { DefaultArtifactClient } = await import("@actions/artifact");

const [name, folder, again] = process.argv.slice(2);
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((found) => found.isFile());
const paths = files.map((found) => join(found.parentPath ?? found.path, found.name));
const artifacts = new DefaultArtifactClient();
const { id } = await artifacts.uploadArtifact(name, paths, folder, { compressionLevel: 0 });
const listed = await artifacts.listArtifacts();
if (!listed.artifacts.some((artifact) => artifact.name === name)) throw new Error(`${name} is not listed`);
await artifacts.downloadArtifact(id, { path: again });
