// Version of the package, sent with each request; a test keeps it equal to package.json.

export const version = "0.1.0";
