// The core scenario's view of the SDK for JavaScript v2.

export function adapter(client, query = false) {
  return {
    call: (operation, input) => client[operation[0].toLowerCase() + operation.slice(1)](input).promise(),
    isA: () => true, // v2 has no exception classes, only codes
    code: (error) => error.code,
    message: (error) => error.message,
    query,
  };
}
