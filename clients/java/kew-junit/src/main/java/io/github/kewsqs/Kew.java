package io.github.kewsqs;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives each test of a class, or one test, queues of its own: a parameter of the type {@link KewControl} leads to
 * them.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(KewExtension.class)
public @interface Kew {
    /**
     * As in {@code orders}, {@code jobs.fifo} or {@code
     * orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3}.
     */
    String[] queues() default {};

    /** How the clock goes: real, running, frozen or auto. */
    String clock() default "";

    /** With the clock auto: how many receives wait at a queue when its consumers are done, as in {@code orders=1}. */
    String[] consumers() default {};

    /** A number, to have the same message ids and faults again. */
    String seed() default "";
}
