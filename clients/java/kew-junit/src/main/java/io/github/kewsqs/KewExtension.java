package io.github.kewsqs;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * What {@link Kew} does: a namespace for each test, which ends with it. A test that failed prints what happened in
 * it.
 */
public final class KewExtension implements ParameterResolver, AfterEachCallback {
    private static ExtensionContext.Store store(ExtensionContext context) {
        return context.getStore(ExtensionContext.Namespace.create(KewExtension.class, context.getUniqueId()));
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == KewControl.class && context.getTestMethod().isPresent();
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return store(context).getOrComputeIfAbsent(KewControl.class, type -> start(context), KewControl.class);
    }

    private static KewControl start(ExtensionContext context) {
        Map<String, Object> wanted = new LinkedHashMap<>();
        annotation(context).ifPresent(kew -> {
            wanted.put("queues", List.of(kew.queues()));
            Map<String, Object> clock = new LinkedHashMap<>();
            if (!kew.clock().isEmpty()) clock.put("mode", kew.clock());
            if (kew.consumers().length > 0) clock.put("consumers", Condition.consumers(kew.consumers()));
            if (!clock.isEmpty()) wanted.put("clock", clock);
            if (!kew.seed().isEmpty()) wanted.put("seed", Json.read(kew.seed()));
        });
        String test = context.getRequiredTestClass().getSimpleName() + "." + context.getRequiredTestMethod().getName();
        return KewServer.shared().namespace(test, context.getUniqueId(), wanted);
    }

    /** That of the test, or else of its class, or of one around it. */
    private static Optional<Kew> annotation(ExtensionContext context) {
        return AnnotationSupport.findAnnotation(context.getElement(), Kew.class)
            .or(() -> context.getParent().flatMap(KewExtension::annotation));
    }

    @Override
    public void afterEach(ExtensionContext context) {
        KewControl kew = store(context).remove(KewControl.class, KewControl.class);
        if (kew == null) return;
        String test = context.getRequiredTestClass().getSimpleName() + ", " + context.getDisplayName();
        String about = "kew, " + test + ": ";
        context.getExecutionException().ifPresent(
            failure -> System.err.println(about + "seed " + kew.seed() + "\n" + kew.timeline()));
        if (!(Boolean) kew.report().get("clean")) System.err.println(about + kew.reportText());
        kew.close();
    }
}
