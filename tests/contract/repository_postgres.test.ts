import { serverContract } from "./repository_server.ts";

serverContract("postgres", "PostgreSQL");
